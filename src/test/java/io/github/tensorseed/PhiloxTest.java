package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PhiloxTest {
  /// Random123's tests/kat_vectors, the lines "philox4x32 10".
  @Test
  void random123KnownAnswers() {
    assertThat(rounds(0, 0, 0, 0, 0, 0)).containsExactly(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    assertThat(rounds(-1, -1, -1, -1, -1, -1)).containsExactly(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    assertThat(rounds(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0))
        .containsExactly(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
  }

  /// The first words of cuRAND's host generator for CURAND_RNG_PSEUDO_PHILOX4_32_10 with seed 1234.
  @Test
  void firstWordsOfSeed1234() {
    int[] words = new int[4];
    Philox.block(1234, 0, words);
    assertThat(words).containsExactly(546353992, (int) 3665621163L, 1140953199, (int) 3419031310L);
  }

  /// STREAM.md, section 1: the counter is (lo32(b / 65536), hi32(b / 65536), b % 65536, 0).
  @Test
  void countersOfBlocks() {
    for (long block : new long[] {0, 1, 65535, 65536, (1L << 48) - 1, 1L << 48, 0x123456789abcdef0L, -1}) {
      long counter = Long.divideUnsigned(block, 65536);
      int[] words = new int[4];
      Philox.block(42, block, words);
      assertThat(words).as("block " + block)
          .containsExactly(rounds((int) counter, (int) (counter >>> 32), (int) Long.remainderUnsigned(block, 65536), 0, 42, 0));
    }
  }

  private static int[] rounds(int c0, int c1, int c2, int c3, int k0, int k1) {
    int[] state = {c0, c1, c2, c3};
    Philox.rounds(state, Integer.toUnsignedLong(k0) | (long) k1 << 32);
    return state;
  }
}
