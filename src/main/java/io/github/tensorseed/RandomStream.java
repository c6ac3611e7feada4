package io.github.tensorseed;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// An endless, random-access sequence of random words: a value, without state.
///
/// `of(seed)` has the very words of cuRAND's Philox generator with that seed. A named stream has a key of its own, so that what one
/// tensor gets depends on the seed and on its name, never on its place among others. Names nest.
///
/// ```java
/// RandomStream stream = RandomStream.of(42).named("model.layers.0.mlp.up_proj.weight");
/// ```
///
/// @param key the Philox key
public record RandomStream(long key) {

  /// Goes into every file that is written: other versions may give other bits.
  public static final int STREAM_VERSION = 1;

  /// The stream of this seed.
  public static RandomStream of(long seed) {
    return new RandomStream(seed);
  }

  /// The stream of this name below this one: its key is the first two words of Philox4x32-10 over the first 16 bytes of SHA-256 of the
  /// name in UTF-8, with this stream's key.
  ///
  /// @throws IllegalArgumentException if the name has an unpaired surrogate
  public RandomStream named(String name) {
    ByteBuffer utf8;
    try {
      utf8 = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(name));
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("stream name '" + name + "' has an unpaired surrogate, which UTF-8 cannot express", e);
    }
    int[] state = new int[4];
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(utf8);
      ByteBuffer.wrap(sha256.digest()).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(state);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
    Philox.rounds(state, key);
    return new RandomStream(Integer.toUnsignedLong(state[0]) | (long) state[1] << 32);
  }
}
