/// First weights for DJL.
@NullMarked
package io.github.tensorseed.djl;

import org.jspecify.annotations.NullMarked;
