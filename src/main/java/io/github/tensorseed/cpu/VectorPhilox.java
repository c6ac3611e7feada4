package io.github.tensorseed.cpu;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.github.tensorseed.Philox;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/// Philox4x32-10 in vectors, one block per 64-bit lane: the state is A = \[c0 : c1] and B = \[c2 : c3], high half first.
///
/// In this form a round is `A' = M1 (B >>> 32) ^ A << 32 ^ k0 << 32`, `B' = M0 (A >>> 32) ^ B << 32 ^ k1 << 32`. C2 multiplies 32-bit
/// halves in one instruction only if it sees both made by `>>> 32` or by a mask, which is why the multipliers are masked although they
/// fit. For one counter the first round's product is a running sum, because subsequences count up by one, and the second round's is
/// constant.
///
/// A step makes two sets of blocks, so that one hides the other's multiplications (+13 %); more sets need more registers than there are.
///
/// Vectors are called directly, for the reason that [VectorLaws] gives. The loop over the rounds keeps the code short and is as fast as
/// none.
final class VectorPhilox {
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = LONGS.length();
  private static final int VECTOR = LONGS.vectorByteSize();
  private static final long LOW_HALF = 0xffffffffL;

  /// Words that one step makes, in four vectors.
  static final int WORDS = 8 * LANES;

  /// What becomes of the words.
  enum Form {
    WORDS,
    /// Pairs of vectors: uniforms of the words of even elements, words of odd elements.
    UNIFORM_EVEN,
    /// `fma(range, U, low)` in binary32.
    UNIFORM,
    /// The same, rounded to BF16. Made at once like [#UNIFORM], which saves a way through memory.
    UNIFORM_BF16
  }

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

  // Entries of the table, one vector each: what the counter leaves of the first two rounds, for either set, then two keys per round.
  private static final int COUNTER = 3;
  private static final int ROUNDS = 2 * COUNTER;
  private static final int TABLE = ROUNDS + 2 * 8;

  private final long key;
  private final long[] table = new long[TABLE * LANES];

  VectorPhilox(long key) {
    this.key = key;
    for (int round = 2; round < 10; round++) {
      set(ROUNDS + 2 * (round - 2), key0(round) << 32);
      set(ROUNDS + 2 * (round - 2) + 1, key1(round) << 32);
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

  /// Sets the counters of the two sets of a step.
  void counters(long first, long second) {
    counter(0, first);
    counter(COUNTER, second);
  }

  private void counter(int entry, long ctr) {
    long b = Philox.M0 * (ctr & LOW_HALF) ^ key1(0) << 32;
    set(entry, (ctr >>> 32 ^ key0(0)) << 32);
    set(entry + 1, Philox.M1 * (b >>> 32) ^ key0(1) << 32);
    set(entry + 2, b << 32 ^ key1(1) << 32);
  }

  /// Makes `steps` steps, the two sets of the first from these subsequences on.
  ///
  /// @param inOrder whether elements come in order, or in pairs of vectors: even elements, odd elements; BF16 comes in order anyway
  /// @param stride by how much subsequences grow from step to step
  /// @param range of uniforms
  /// @param low bound of uniforms
  void make(Form form, boolean inOrder, int first, int second, int stride, int steps, float range, float low, MemorySegment out, long at) {
    make(table, form, inOrder ? IN_ORDER : EVEN_ODD, first, second, stride, steps, range, low, out, at);
  }

  private static void make(long[] table, Form form, int[] order, int first, int second, int stride, int steps, float range, float low,
      MemorySegment out, long at) {
    LongVector m0 = LongVector.broadcast(LONGS, Philox.M0).and(LOW_HALF);
    LongVector m1 = LongVector.broadcast(LONGS, Philox.M1).and(LOW_HALF);
    LongVector growth = LongVector.broadcast(LONGS, stride * Philox.M1);
    LongVector p0 = LongVector.zero(LONGS).addIndex(1).add(first).mul(Philox.M1);
    LongVector p1 = LongVector.zero(LONGS).addIndex(1).add(second).mul(Philox.M1);
    IntVector lower = IntVector.fromArray(INTS, order, 0);
    IntVector upper = IntVector.fromArray(INTS, order, 2 * LANES);
    FloatVector scale = FloatVector.broadcast(FLOATS, range);
    FloatVector origin = FloatVector.broadcast(FLOATS, low);
    for (int step = 0; step < steps; step++) {
      LongVector a0 = p0.lanewise(XOR, LongVector.fromArray(LONGS, table, 0));
      LongVector a1 = p1.lanewise(XOR, LongVector.fromArray(LONGS, table, COUNTER * LANES));
      LongVector b0 = a0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, LongVector.fromArray(LONGS, table, 2 * LANES));
      LongVector b1 = a1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, LongVector.fromArray(LONGS, table, (COUNTER + 2) * LANES));
      a0 = a0.lanewise(LSHL, 32).lanewise(XOR, LongVector.fromArray(LONGS, table, LANES));
      a1 = a1.lanewise(LSHL, 32).lanewise(XOR, LongVector.fromArray(LONGS, table, (COUNTER + 1) * LANES));
      p0 = p0.add(growth);
      p1 = p1.add(growth);
      for (int entry = ROUNDS * LANES; entry < TABLE * LANES; entry += 4 * LANES) {
        LongVector k0 = LongVector.fromArray(LONGS, table, entry);
        LongVector k1 = LongVector.fromArray(LONGS, table, entry + LANES);
        LongVector c0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a0.lanewise(LSHL, 32)).lanewise(XOR, k0);
        LongVector c1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, a1.lanewise(LSHL, 32)).lanewise(XOR, k0);
        b0 = a0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k1);
        b1 = a1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k1);
        k0 = LongVector.fromArray(LONGS, table, entry + 2 * LANES);
        k1 = LongVector.fromArray(LONGS, table, entry + 3 * LANES);
        a0 = b0.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c0.lanewise(LSHL, 32)).lanewise(XOR, k0);
        a1 = b1.lanewise(LSHR, 32).mul(m1).lanewise(XOR, c1.lanewise(LSHL, 32)).lanewise(XOR, k0);
        b0 = c0.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b0.lanewise(LSHL, 32)).lanewise(XOR, k1);
        b1 = c1.lanewise(LSHR, 32).mul(m0).lanewise(XOR, b1.lanewise(LSHL, 32)).lanewise(XOR, k1);
      }
      IntVector w0 = lower.selectFrom(a0.reinterpretAsInts(), b0.reinterpretAsInts());
      IntVector w1 = upper.selectFrom(a0.reinterpretAsInts(), b0.reinterpretAsInts());
      IntVector w2 = lower.selectFrom(a1.reinterpretAsInts(), b1.reinterpretAsInts());
      IntVector w3 = upper.selectFrom(a1.reinterpretAsInts(), b1.reinterpretAsInts());
      if (form == Form.WORDS) {
        w0.intoMemorySegment(out, at, LITTLE_ENDIAN);
        w1.intoMemorySegment(out, at + VECTOR, LITTLE_ENDIAN);
        w2.intoMemorySegment(out, at + 2L * VECTOR, LITTLE_ENDIAN);
        w3.intoMemorySegment(out, at + 3L * VECTOR, LITTLE_ENDIAN);
        at += 4L * VECTOR;
        continue;
      }
      // See VectorLaws on the constants.
      FloatVector u0 = w0.lanewise(LSHR, 16).or(0x43000000).reinterpretAsFloats().sub(0x1p7f + 0x1p-9f)
          .add(w0.and(0xffff).or(0x3b000000).reinterpretAsFloats()).add(0x1p-33f);
      FloatVector u2 = w2.lanewise(LSHR, 16).or(0x43000000).reinterpretAsFloats().sub(0x1p7f + 0x1p-9f)
          .add(w2.and(0xffff).or(0x3b000000).reinterpretAsFloats()).add(0x1p-33f);
      if (form == Form.UNIFORM_EVEN) {
        u0.intoMemorySegment(out, at, LITTLE_ENDIAN);
        w1.intoMemorySegment(out, at + VECTOR, LITTLE_ENDIAN);
        u2.intoMemorySegment(out, at + 2L * VECTOR, LITTLE_ENDIAN);
        w3.intoMemorySegment(out, at + 3L * VECTOR, LITTLE_ENDIAN);
        at += 4L * VECTOR;
        continue;
      }
      FloatVector u1 = w1.lanewise(LSHR, 16).or(0x43000000).reinterpretAsFloats().sub(0x1p7f + 0x1p-9f)
          .add(w1.and(0xffff).or(0x3b000000).reinterpretAsFloats()).add(0x1p-33f);
      FloatVector u3 = w3.lanewise(LSHR, 16).or(0x43000000).reinterpretAsFloats().sub(0x1p7f + 0x1p-9f)
          .add(w3.and(0xffff).or(0x3b000000).reinterpretAsFloats()).add(0x1p-33f);
      FloatVector v0 = u0.fma(scale, origin);
      FloatVector v1 = u1.fma(scale, origin);
      FloatVector v2 = u2.fma(scale, origin);
      FloatVector v3 = u3.fma(scale, origin);
      if (form == Form.UNIFORM) {
        v0.intoMemorySegment(out, at, LITTLE_ENDIAN);
        v1.intoMemorySegment(out, at + VECTOR, LITTLE_ENDIAN);
        v2.intoMemorySegment(out, at + 2L * VECTOR, LITTLE_ENDIAN);
        v3.intoMemorySegment(out, at + 3L * VECTOR, LITTLE_ENDIAN);
        at += 4L * VECTOR;
        continue;
      }
      // See VectorStore.bfloat16.
      IntVector r0 = v0.reinterpretAsInts();
      IntVector r1 = v1.reinterpretAsInts();
      IntVector r2 = v2.reinterpretAsInts();
      IntVector r3 = v3.reinterpretAsInts();
      r0 = r0.lanewise(LSHR, 16).and(1).add(0x7fff).add(r0).lanewise(LSHR, 16);
      r1 = r1.lanewise(LSHR, 16).and(1).add(0x7fff).add(r1).and(0xffff0000);
      r2 = r2.lanewise(LSHR, 16).and(1).add(0x7fff).add(r2).lanewise(LSHR, 16);
      r3 = r3.lanewise(LSHR, 16).and(1).add(0x7fff).add(r3).and(0xffff0000);
      r0.or(r1).intoMemorySegment(out, at, LITTLE_ENDIAN);
      r2.or(r3).intoMemorySegment(out, at + VECTOR, LITTLE_ENDIAN);
      at += 2L * VECTOR;
    }
  }
}
