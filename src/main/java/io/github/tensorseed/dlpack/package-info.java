/// Tensors of other libraries, and ours for them, in place, by DLPack.
@NullMarked
package io.github.tensorseed.dlpack;

import org.jspecify.annotations.NullMarked;
