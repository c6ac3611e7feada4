/// First weights for DL4J.
@NullMarked
package io.github.tensorseed.dl4j;

import org.jspecify.annotations.NullMarked;
