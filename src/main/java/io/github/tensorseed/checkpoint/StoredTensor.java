package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Shape;
import java.nio.file.Path;

/// A tensor in a file.
///
/// @param offset of its first byte from the beginning of the file
/// @param bytes the size of its values
public record StoredTensor(String name, StoredType type, Shape shape, Path file, long offset, long bytes) {}
