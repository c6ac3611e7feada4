/// The command line.
@NullMarked
package io.github.tensorseed.cli;

import org.jspecify.annotations.NullMarked;
