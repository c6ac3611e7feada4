package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/// How much work the kernels are: a change that costs instructions, or saves some, shows.
class InstructionsTest {
  private static final int ELEMENTS = 1 << 18;
  private static final int BLOCKS = 32;
  private static final List<Distribution> LAWS = List.of(new Distribution.Uniform(-1, 1), new Distribution.Normal(0, 1),
      new Distribution.LogNormal(0, 1), new Distribution.TruncatedNormal(0, 1, -2, 2), new Distribution.Signs(1), new Distribution.Constant(1));

  @Test
  void tableIsWhatTheKernelsTake() throws IOException {
    Map<String, List<String>> counts = new TreeMap<>();
    for (String target : Ptx.TARGETS) {
      for (var kernel : executed(Ptx.shipped(target)).properties()) {
        counts.computeIfAbsent(kernel.getKey(), _ -> new ArrayList<>())
            .add(String.format(Locale.ROOT, "%.3f", kernel.getValue().get("instructions").asLong() / (double) ELEMENTS));
      }
    }
    StringBuilder table = new StringBuilder("""
        # PTX instructions per element that each kernel of the texts for %s executes for 2^18 elements from 0 on, aligned, by 32 blocks
        # of 256 threads. Made by
        # mvn test -Dtest=InstructionsTest     which writes target/instructions.txt and compares
        """.formatted(String.join(", ", Ptx.TARGETS)));
    counts.forEach((kernel, all) -> table.append(kernel).append(' ').append(String.join(" ", all)).append('\n'));
    Files.writeString(Path.of("target/instructions.txt"), table);
    assertThat(table).hasToString(Files.readString(Path.of("src/test/resources/io/github/tensorseed/cuda/instructions.txt")));
  }

  /// What the driver counts when each kernel has run once.
  private static JsonNode executed(Ptx text) throws IOException {
    PtxBench bench = new PtxBench("eager");
    long module = bench.module(text.text());
    long out = bench.allocate(8L * ELEMENTS);
    long in = bench.allocate(8L * ELEMENTS);
    bench.check("cuMemsetD8_v2", in, (byte) 0x3d, 8L * ELEMENTS);
    for (DType dtype : DType.values()) {
      for (Distribution law : LAWS) {
        launch(bench, bench.function(module, Kernel.of(law).entry(dtype)), numbers(out, 42, law, dtype));
      }
      launch(bench, bench.function(module, Kernel.AFFINE.entry(dtype)), numbers(out, in, LAWS.getFirst(), dtype));
      for (DType source : DType.values()) {
        long kernel = bench.function(module, ("convert_" + source + "_" + dtype).toLowerCase(Locale.ROOT));
        launch(bench, kernel, out, in, ELEMENTS, Double.doubleToRawLongBits(0.5));
      }
    }
    return new ObjectMapper().readTree(bench.driver.report()).get("kernels");
  }

  private static void launch(PtxBench bench, long kernel, long... parameters) {
    assertThat(bench.launch(kernel, 0L, BLOCKS, 256, parameters)).isZero();
    bench.check("cuCtxSynchronize");
  }

  /// What all elements of a contiguous tensor take.
  private static long[] numbers(long out, long source, Distribution law, DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment parameters = arena.allocate(Kernel.PARAMETERS, Long.BYTES);
      Kernel.put(law, dtype, parameters);
      return LongStream.concat(LongStream.of(out, ELEMENTS, 0, ELEMENTS, ELEMENTS, source),
          LongStream.of(parameters.toArray(ValueLayout.JAVA_LONG))).toArray();
    }
  }
}
