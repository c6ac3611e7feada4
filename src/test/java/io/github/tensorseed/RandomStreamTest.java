package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RandomStreamTest {
  /// Expected keys come from this Python, which shares nothing with the code under test:
  ///
  /// ```python
  /// import hashlib, struct
  ///
  /// def philox(counter, key):
  ///     c, k = list(counter), [key & 0xffffffff, key >> 32 & 0xffffffff]
  ///     for _ in range(10):
  ///         p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
  ///         c = [p1 >> 32 ^ c[1] ^ k[0], p1 & 0xffffffff, p0 >> 32 ^ c[3] ^ k[1], p0 & 0xffffffff]
  ///         k = [k[0] + 0x9E3779B9 & 0xffffffff, k[1] + 0xBB67AE85 & 0xffffffff]
  ///     return c
  ///
  /// def named(key, name):
  ///     d = struct.unpack("<4I", hashlib.sha256(name.encode("utf-8")).digest()[:16])
  ///     o = philox(d, key)
  ///     return o[0] | o[1] << 32
  /// ```
  @Test
  void keysOfNames() {
    assertThat(RandomStream.of(42).named("a").key()).isEqualTo(0x1f3a9c9987d57a3cL);
    assertThat(RandomStream.of(0).named("").key()).isEqualTo(0xdea7082e803fefdcL);
    assertThat(RandomStream.of(-1).named("wte.weight").key()).isEqualTo(0x408c9fe673cada87L);
    assertThat(RandomStream.of(42).named("model.layers.0.mlp.up_proj.weight").key()).isEqualTo(0xc39e40ebd892a76L);
    assertThat(RandomStream.of(7).named("\ud83c\udf31").key()).isEqualTo(0x672fc2b9e1127764L);
  }

  @Test
  void seedIsTheKey() {
    assertThat(RandomStream.of(Long.MIN_VALUE).key()).isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void namesNest() {
    assertThat(RandomStream.of(42).named("a").named("b").key()).isEqualTo(0xffd7f5489972d519L);
    assertThat(RandomStream.of(42).named("ab").key()).isEqualTo(0x38d1a21587c4ca6fL);
  }

  @Test
  void namesAreNotNormalised() {
    assertThat(RandomStream.of(42).named("\u00e9").key()).isEqualTo(0x5ae8a9f5e56b3306L);
    assertThat(RandomStream.of(42).named("e\u0301").key()).isEqualTo(0x89123759be46efd8L);
  }

  @Test
  void unpairedSurrogatesAreErrors() {
    for (String name : new String[] {"\ud83c", "w\udf31", "\udf31\ud83c", "w\ud83c.weight"}) {
      assertThatThrownBy(() -> RandomStream.of(42).named(name))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(name)
          .hasMessageContaining("unpaired surrogate");
    }
  }
}
