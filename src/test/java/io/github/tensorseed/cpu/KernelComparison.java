package io.github.tensorseed.cpu;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Signs;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Compares kernels with the scalar ones, byte by byte, memory on either side included. As a program, in a JVM of its own, it compares
/// all of [#LAWS] with the kernels that the device chooses there, and prints their name and the width of the JVM's vectors.
final class KernelComparison {
  /// Ordinary parameters and those at the edges: bounds that rounding would leave, halves that are empty or everything, far tails, overflow
  /// of the narrow types, subnormals, both zeros.
  static final List<Distribution> LAWS = List.of(
      new Uniform(-0.05, 0.05), new Uniform(0, 1), new Uniform(0.1, 0.7), new Uniform(-3, -3), new Uniform(-400, 57000),
      new Uniform(0, 1e-42), new Uniform(-0.1, 0.2), new Uniform(1000000.04, 1000000.09),
      new Normal(0, 0.02), new Normal(1.5, 0), new Normal(-0.0, 1e-7), new Normal(3, 30000), new Normal(0, 1e38),
      new LogNormal(0, 1), new LogNormal(0, 40), new LogNormal(-80, 20),
      new TruncatedNormal(0, 0.02, -0.04, 0.04), new TruncatedNormal(0, 1, 4, 6), new TruncatedNormal(0, 1, -8, -6),
      new TruncatedNormal(0, 1, -100, 100), new TruncatedNormal(1, 2, -1, 0.5), new TruncatedNormal(0, 1, 0, 1),
      new TruncatedNormal(0, 1, -1, 0),
      new Signs(0.5), new Signs(0), new Signs(-3), new Constant(0), new Constant(-0.0), new Constant(0.1));

  /// Bytes of guard before and behind the memory that is filled.
  private static final long GUARD = 256;

  private KernelComparison() {}

  /// The first difference, in words; empty if there is none.
  static String difference(Kernels kernels, Distribution law, DType dtype, long key, long start, int count, int misalignment) {
    long bytes = (long) count * dtype.bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment actual = arena.allocate(bytes + 2 * GUARD, 64).fill((byte) 0xa5);
      MemorySegment expected = arena.allocate(bytes + 2 * GUARD, 64).fill((byte) 0xa5);
      long from = GUARD + misalignment;
      kernels.fill(law, dtype, key, start, count, actual.asSlice(from, bytes));
      new ScalarKernels().fill(law, dtype, key, start, count, expected.asSlice(from, bytes));
      long at = actual.mismatch(expected);
      if (at < 0) {
        return "";
      }
      long element = Math.floorDiv(at - from, dtype.bytes());
      String place = law + " " + dtype + " key " + key + " start " + start + " count " + count + " misaligned by " + misalignment;
      return element < 0 || element >= count
          ? place + ": wrote outside, at byte " + (at - from)
          : place + ": element " + element + " is " + dtype.get(actual.asSlice(from, bytes), element) + ", not "
              + dtype.get(expected.asSlice(from, bytes), element);
    }
  }

  /// Whether `law` has values in `dtype`.
  static boolean applies(Distribution law, DType dtype) {
    try {
      law.check(dtype);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  public static void main(String[] arguments) {
    // What it comes to run; at first it runs loops.
    Kernels kernels = CpuDevice.fastest() instanceof TieredKernels ? new VectorKernels() : CpuDevice.fastest();
    int compared = 0;
    for (Distribution law : LAWS) {
      for (DType dtype : DType.values()) {
        if (applies(law, dtype)) {
          compared++;
          String difference = difference(kernels, law, dtype, 42, (1L << 18) - 333, 1500, 3);
          if (!difference.isEmpty()) {
            throw new AssertionError(difference);
          }
        }
      }
    }
    int bits = kernels instanceof VectorKernels ? VectorKernels.bits() : 0;
    String result = kernels.getClass().getSimpleName() + " " + bits + " " + compared;
    System.out.write(result.getBytes(US_ASCII), 0, result.length());
    System.out.flush();
  }
}
