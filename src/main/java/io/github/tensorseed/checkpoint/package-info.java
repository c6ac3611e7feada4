/// Checkpoints as files: safetensors, the index of their shards, and npy.
@NullMarked
package io.github.tensorseed.checkpoint;

import org.jspecify.annotations.NullMarked;
