package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Signs;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.RandomStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/// No bit of any law moves: SHA-256 of the first 2^20 elements and of 4096 around each carry of the counter, for every dtype.
///
/// A digest that changes is a new version of the stream.
class DigestsTest {
  private static final String RESOURCE = "digests.txt";
  private static final int FIRST = 1 << 20;
  private static final int AROUND = 4096;
  private static final RandomStream STREAM = RandomStream.of(42).named("digests");

  private static final List<Distribution> LAWS = List.of(
      new Uniform(-0.05, 0.05),
      new Normal(0, 0.02),
      new LogNormal(0, 1),
      new TruncatedNormal(0, 0.02, -0.04, 0.04),
      new TruncatedNormal(0, 1, 4, 6),
      new Signs(0.5),
      new Constant(0.3));

  @Test
  void noBitMoves() throws IOException {
    StringBuilder digests = new StringBuilder("""
        # SHA-256 per dtype and law, of the little-endian bytes of elements 0 to 2^20 and of 4096 elements around each of 2^18, 2^32, 2^34, 2^50
        # (F64: 2^18, 2^32, 2^49), one after the other; stream of(42).named("digests"). The bits are those of STREAM.md, version 1. Made by
        # mvn test -Dtest=DigestsTest     which writes target/digests.txt and compares
        """);
    for (DType dtype : DType.values()) {
      for (Distribution law : LAWS) {
        digests.append(line(dtype, law)).append('\n');
      }
    }
    Files.writeString(Path.of("target", RESOURCE), digests);
    try (InputStream committed = DigestsTest.class.getResourceAsStream(RESOURCE)) {
      assertThat(committed).isNotNull();
      assertThat(digests).hasToString(new String(committed.readAllBytes(), StandardCharsets.US_ASCII));
    }
  }

  private static String line(DType dtype, Distribution law) {
    MessageDigest first = sha256();
    Samples.fill(dtype, law, STREAM, 0, FIRST, memory -> first.update(memory.asByteBuffer()));
    MessageDigest carries = sha256();
    for (long carry : carries(dtype)) {
      Samples.fill(dtype, law, STREAM, carry - AROUND / 2, AROUND, memory -> carries.update(memory.asByteBuffer()));
    }
    return "%s %s: %s %s".formatted(dtype, law, HexFormat.of().formatHex(first.digest()), HexFormat.of().formatHex(carries.digest()));
  }

  /// Elements at whose words the subsequence ends, 32 bits of the index or of the words do, and the counter's low word does.
  private static long[] carries(DType dtype) {
    return dtype == DType.F64
        ? new long[] {1L << 18, 1L << 32, 1L << 49}
        : new long[] {1L << 18, 1L << 32, 1L << 34, 1L << 50};
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
