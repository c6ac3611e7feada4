/// What is learnt from data: covariance in one pass, and the whitening that comes of it.
@NullMarked
package io.github.tensorseed.whitening;

import org.jspecify.annotations.NullMarked;
