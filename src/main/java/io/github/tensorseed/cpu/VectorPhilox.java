package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.VectorKernels.MEMORY;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.github.tensorseed.Philox;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/// Philox4x32-10 in vectors, one block per 64-bit lane: the state is A = \[c0 : c1] and B = \[c2 : c3], high half first.
///
/// In this form a round is `A' = M1 (B >>> 32) ^ A << 32 ^ k0 << 32`, `B' = M0 (A >>> 32) ^ B << 32 ^ k1 << 32`. C2 multiplies 32-bit
/// halves in one instruction only if it sees both made by `>>> 32` or by a mask, which is why the multipliers are masked although they
/// fit. For one counter the first round's product is a running sum, because subsequences count up by one, and parts of the second and
/// third are constant.
///
/// Two sets of blocks are made at a time, so that one hides the other's multiplications (+13 %); more sets need more registers than there
/// are. A loop over the rounds costs 6 %.
@SuppressWarnings("NarrowCalculation") // on purpose: see VectorKernels.MEMORY
final class VectorPhilox {
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final int LANES = LONGS.length();
  private static final int VECTOR = LONGS.vectorByteSize();

  /// Blocks that are made at a time.
  static final int BLOCKS = 2 * LANES;

  /// Places of a set's words in [A, B] for two vectors: in order, or those of even elements first and those of odd elements second.
  private static final int[] IN_ORDER = new int[4 * LANES];
  private static final int[] EVEN_ODD = new int[4 * LANES];

  static {
    for (int word = 0; word < 4 * LANES; word++) {
      int place = 2 * (word / 4) + 1 - word % 2 + (word / 2 % 2) * 2 * LANES;
      IN_ORDER[word] = place;
      EVEN_ODD[word / 2 + word % 2 * 2 * LANES] = place;
    }
  }

  private final long key;

  /// One vector per entry: five that the counter leaves of the first three rounds, then two keys for each of the last seven.
  private final long[] table = new long[19 * LANES];

  VectorPhilox(long key) {
    this.key = key;
    for (int round = 3; round < 10; round++) {
      set(2 * round - 1, key0(round) << 32);
      set(2 * round, key1(round) << 32);
    }
  }

  private long key0(long round) {
    return key + round * Philox.W0;
  }

  private long key1(long round) {
    return (key >>> 32) + round * Philox.W1;
  }

  private void set(int entry, long value) {
    Arrays.fill(table, entry * LANES, (entry + 1) * LANES, value);
  }

  void counter(long ctr) {
    long b = Philox.M0 * (ctr & 0xffffffffL) ^ key1(0) << 32;
    long a = Philox.M1 * (b >>> 32) ^ key0(1) << 32;
    set(0, (ctr >>> 32 ^ key0(0)) << 32);
    set(1, b << 32 ^ key1(1) << 32);
    set(2, a);
    set(3, a << 32 ^ key0(2) << 32);
    set(4, key1(2) << 32);
  }

  /// Makes vectors of words from subsequence `first` on, four for every [#BLOCKS] subsequences.
  ///
  /// @param inOrder whether words come in order, or in pairs of vectors: those of even elements, those of odd elements
  void words(boolean inOrder, int first, int vectors, long to) {
    words(table, inOrder ? IN_ORDER : EVEN_ODD, first, vectors, to);
  }

  private static void words(long[] table, int[] order, int first, int vectors, long to) {
    LongVector m0 = LongVector.broadcast(LONGS, Philox.M0).and(0xffffffffL);
    LongVector m1 = LongVector.broadcast(LONGS, Philox.M1).and(0xffffffffL);
    LongVector growth = LongVector.broadcast(LONGS, BLOCKS * Philox.M1);
    LongVector p0 = LongVector.zero(LONGS).addIndex(1).add(first).mul(Philox.M1);
    LongVector p1 = LongVector.zero(LONGS).addIndex(1).add(first + LANES).mul(Philox.M1);
    IntVector lower = IntVector.fromArray(INTS, order, 0);
    IntVector upper = IntVector.fromArray(INTS, order, 2 * LANES);
    LongVector k0 = LongVector.fromArray(LONGS, table, 0);
    LongVector k1b = LongVector.fromArray(LONGS, table, LANES);
    LongVector k1a = LongVector.fromArray(LONGS, table, 2 * LANES);
    LongVector k2a = LongVector.fromArray(LONGS, table, 3 * LANES);
    LongVector k2b = LongVector.fromArray(LONGS, table, 4 * LANES);
    LongVector k3a = LongVector.fromArray(LONGS, table, 5 * LANES);
    LongVector k3b = LongVector.fromArray(LONGS, table, 6 * LANES);
    LongVector k4a = LongVector.fromArray(LONGS, table, 7 * LANES);
    LongVector k4b = LongVector.fromArray(LONGS, table, 8 * LANES);
    LongVector k5a = LongVector.fromArray(LONGS, table, 9 * LANES);
    LongVector k5b = LongVector.fromArray(LONGS, table, 10 * LANES);
    LongVector k6a = LongVector.fromArray(LONGS, table, 11 * LANES);
    LongVector k6b = LongVector.fromArray(LONGS, table, 12 * LANES);
    LongVector k7a = LongVector.fromArray(LONGS, table, 13 * LANES);
    LongVector k7b = LongVector.fromArray(LONGS, table, 14 * LANES);
    LongVector k8a = LongVector.fromArray(LONGS, table, 15 * LANES);
    LongVector k8b = LongVector.fromArray(LONGS, table, 16 * LANES);
    LongVector k9a = LongVector.fromArray(LONGS, table, 17 * LANES);
    LongVector k9b = LongVector.fromArray(LONGS, table, 18 * LANES);
    for (int vector = 0; vector < vectors; vector += 4) {
      LongVector a0 = p0.lanewise(XOR, k0);
      LongVector a1 = p1.lanewise(XOR, k0);
      LongVector b0 = a0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, k1b);
      LongVector b1 = a1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, k1b);
      a0 = a0.lanewise(LSHL, 32).lanewise(XOR, k1a);
      a1 = a1.lanewise(LSHL, 32).lanewise(XOR, k1a);
      p0 = p0.add(growth);
      p1 = p1.add(growth);
      LongVector c0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, k2a);
      LongVector c1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, k2a);
      b0 = a0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k2b);
      b1 = a1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k2b);
      a0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c0.lanewise(LSHL, 32)).lanewise(XOR, k3a);
      a1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c1.lanewise(LSHL, 32)).lanewise(XOR, k3a);
      b0 = c0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k3b);
      b1 = c1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k3b);
      c0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a0.lanewise(LSHL, 32)).lanewise(XOR, k4a);
      c1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a1.lanewise(LSHL, 32)).lanewise(XOR, k4a);
      b0 = a0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k4b);
      b1 = a1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k4b);
      a0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c0.lanewise(LSHL, 32)).lanewise(XOR, k5a);
      a1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c1.lanewise(LSHL, 32)).lanewise(XOR, k5a);
      b0 = c0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k5b);
      b1 = c1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k5b);
      c0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a0.lanewise(LSHL, 32)).lanewise(XOR, k6a);
      c1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a1.lanewise(LSHL, 32)).lanewise(XOR, k6a);
      b0 = a0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k6b);
      b1 = a1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k6b);
      a0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c0.lanewise(LSHL, 32)).lanewise(XOR, k7a);
      a1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c1.lanewise(LSHL, 32)).lanewise(XOR, k7a);
      b0 = c0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k7b);
      b1 = c1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k7b);
      c0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a0.lanewise(LSHL, 32)).lanewise(XOR, k8a);
      c1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a1.lanewise(LSHL, 32)).lanewise(XOR, k8a);
      b0 = a0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k8b);
      b1 = a1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k8b);
      a0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c0.lanewise(LSHL, 32)).lanewise(XOR, k9a);
      a1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c1.lanewise(LSHL, 32)).lanewise(XOR, k9a);
      b0 = c0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k9b);
      b1 = c1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k9b);
      lower.selectFrom(a0.reinterpretAsInts(), b0.reinterpretAsInts()).intoMemorySegment(MEMORY, to + vector * VECTOR, LITTLE_ENDIAN);
      upper.selectFrom(a0.reinterpretAsInts(), b0.reinterpretAsInts()).intoMemorySegment(MEMORY, to + (vector + 1) * VECTOR, LITTLE_ENDIAN);
      lower.selectFrom(a1.reinterpretAsInts(), b1.reinterpretAsInts()).intoMemorySegment(MEMORY, to + (vector + 2) * VECTOR, LITTLE_ENDIAN);
      upper.selectFrom(a1.reinterpretAsInts(), b1.reinterpretAsInts()).intoMemorySegment(MEMORY, to + (vector + 3) * VECTOR, LITTLE_ENDIAN);
    }
  }
}
