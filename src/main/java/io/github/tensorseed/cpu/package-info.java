/// The device on host memory: scalar kernels, which define every value, and vector kernels, which match them bit for bit.
@NullMarked
package io.github.tensorseed.cpu;

import org.jspecify.annotations.NullMarked;
