/// How a signal goes through a deep network of fresh weights, and back.
@NullMarked
package io.github.tensorseed.signal;

import org.jspecify.annotations.NullMarked;
