/// The vocabulary of tensorseed: what a caller names to create the first weights of a neural network.
///
/// A [io.github.tensorseed.Distribution] says which values, a [io.github.tensorseed.RandomStream] which random words, a
/// [io.github.tensorseed.Tensor] where they go. Element `i` of a tensor is a function of (law, key, `i`) alone: never of
/// threads, chunks, devices, shards or of what was generated before.
@NullMarked
package io.github.tensorseed;

import org.jspecify.annotations.NullMarked;
