/// Checkpoints and whitenings by the tasks of a Spark cluster, with the bits of one machine.
@NullMarked
package io.github.tensorseed.spark;

import org.jspecify.annotations.NullMarked;
