/// The device on a GPU, by the driver API of CUDA and kernels in PTX.
@NullMarked
package io.github.tensorseed.cuda;

import org.jspecify.annotations.NullMarked;
