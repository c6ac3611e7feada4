package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Philox;
import io.github.tensorseed.RandomStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Some values that NVIDIA's host generator gave, among them those around each carry of the counter. [CurandTest] made the file, whose
/// header says how, and compares many more where the library is.
public class GoldenValuesTest {
  static final String RESOURCE = "curand-golden.txt";

  /// A line of the file.
  ///
  /// @param start the first element
  /// @param bits of the values, one per element from `start` on
  public record Golden(String kind, long seed, long start, List<Long> bits) {
    static Golden parse(String line) {
      String[] fields = line.split(" ");
      List<Long> bits = Arrays.stream(fields).skip(3).map(field -> Long.parseUnsignedLong(field, 16)).toList();
      return new Golden(fields[0], Long.parseUnsignedLong(fields[1], 16), Long.parseLong(fields[2]), bits);
    }

    double[] values(DType dtype, Distribution law) {
      return Samples.values(dtype, law, RandomStream.of(seed), start, bits.size());
    }

    @Override
    public String toString() {
      return "%s %x %d".formatted(kind, seed, start);
    }
  }

  static String committed() throws IOException {
    try (InputStream in = GoldenValuesTest.class.getResourceAsStream(RESOURCE)) {
      return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  public static Stream<Golden> lines() throws IOException {
    return committed().lines().filter(line -> !line.startsWith("#")).map(Golden::parse);
  }

  @ParameterizedTest
  @MethodSource("lines")
  void agreesWithCurand(Golden golden) {
    for (int i = 0; i < golden.bits.size(); i++) {
      double theirs = golden.kind.endsWith("64")
          ? Double.longBitsToDouble(golden.bits.get(i))
          : Float.intBitsToFloat(golden.bits.get(i).intValue());
      switch (golden.kind) {
        case "word" -> {
          int[] block = new int[4];
          Philox.block(golden.seed, (golden.start + i) >>> 2, block);
          assertThat(Integer.toUnsignedLong(block[(int) (golden.start + i) & 3])).isEqualTo(golden.bits.get(i));
        }
        case "uniform" -> assertThat(golden.values(DType.F32, new Distribution.Uniform(0, 1))[i]).isEqualTo(theirs);
        case "uniform64" -> assertThat(golden.values(DType.F64, new Distribution.Uniform(0, 1))[i]).isEqualTo(theirs);
        case "normal" -> assertThat(golden.values(DType.F32, new Distribution.Normal(0, 1))[i])
            .isEqualTo(theirs, offset(Math.max(1e-6, 8 * Math.ulp((float) theirs))));
        case "normal64" -> assertThat(golden.values(DType.F64, new Distribution.Normal(0, 1))[i])
            .isEqualTo(theirs, offset(Math.max(4e-15, 4 * Math.ulp(theirs))));
        default -> throw new AssertionError(golden);
      }
    }
  }
}
