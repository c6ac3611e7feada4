package io.github.tensorseed;

/// Philox4x32-10: a counter in, four random 32-bit words out, for a 64-bit key.
///
/// The words are laid out as in the host sequence of cuRAND's `CURAND_RNG_PSEUDO_PHILOX4_32_10` in its legacy ordering: word `n` is
/// lane `n % 4` of block `b = n / 4`, whose counter is (lo32(ctr), hi32(ctr), b % 65536, 0) with `ctr = b / 65536`.
///
/// - Source: J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405.
public final class Philox {
  public static final long M0 = 0xD2511F53L;
  public static final long M1 = 0xCD9E8D57L;
  /// What the two key words grow by from round to round.
  public static final int W0 = 0x9E3779B9;
  public static final int W1 = 0xBB67AE85;

  private Philox() {}

  /// Ten rounds, in place: `state` holds the four counter words and then the four output words.
  public static void rounds(int[] state, long key) {
    long c0 = Integer.toUnsignedLong(state[0]);
    long c1 = Integer.toUnsignedLong(state[1]);
    long c2 = Integer.toUnsignedLong(state[2]);
    long c3 = Integer.toUnsignedLong(state[3]);
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < 10; round++) {
      long p0 = M0 * c0;
      long p1 = M1 * c2;
      c0 = p1 >>> 32 ^ c1 ^ Integer.toUnsignedLong(k0);
      c1 = p1 & 0xffffffffL;
      c2 = p0 >>> 32 ^ c3 ^ Integer.toUnsignedLong(k1);
      c3 = p0 & 0xffffffffL;
      k0 += W0;
      k1 += W1;
    }
    state[0] = (int) c0;
    state[1] = (int) c1;
    state[2] = (int) c2;
    state[3] = (int) c3;
  }

  /// The four words of block `block` (unsigned) of the stream of `key`, into `words`.
  public static void block(long key, long block, int[] words) {
    block(key, (int) block & 0xffff, block >>> 16, words);
  }

  /// The four words of subsequence `sub` at counter `ctr`, into `words`.
  public static void block(long key, int sub, long ctr, int[] words) {
    words[0] = (int) ctr;
    words[1] = (int) (ctr >>> 32);
    words[2] = sub;
    words[3] = 0;
    rounds(words, key);
  }
}
