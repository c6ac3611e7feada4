package io.github.tensorseed.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Fork;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What is measured and said; how fast it is no test can tell.
class BenchTest {
  private static final int CORES = Runtime.getRuntime().availableProcessors();

  @TempDir Path dir;

  private static CommandRun bench(String line) {
    return CommandRun.of(("bench " + line).strip().split(" +", -1));
  }

  private static JsonNode rows(JsonNode report, String device) {
    return new ObjectMapper().valueToTree(StreamSupport.stream(report.get("rows").spliterator(), false)
        .filter(row -> row.get("device").asText().equals(device)).toList());
  }

  @Test
  void eachLawAndDtypeHasARowForOneThreadAndForAll() throws IOException {
    CommandRun run = bench("--law signs,Normal --dtype f64,f8_e4m3 --elements 2Ki --seconds 0.4 --json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode report = new ObjectMapper().readTree(run.out());
    List<String> names = new ArrayList<>();
    for (JsonNode row : rows(report, "cpu")) {
      names.add(row.get("law").asText() + " " + row.get("dtype").asText() + " " + row.get("threads").asInt());
      assertThat(row.get("generator").asText()).isEqualTo("tensorseed");
      assertThat(row.get("elements").asLong()).isEqualTo(2048);
      assertThat(row.get("samples").asInt()).isGreaterThanOrEqualTo(3);
      double bytes = row.get("bytesPerSecond").asDouble();
      assertThat(bytes).isPositive().isEqualTo(row.get("elementsPerSecond").asDouble() * (row.get("dtype").asText().equals("F64") ? 8 : 1));
      assertThat(row.get("share").asDouble()).isCloseTo(bytes / row.get("zerosPerSecond").asDouble(), Offset.offset(1e-9));
    }
    List<String> expected = new ArrayList<>();
    for (String of : new String[] {"signs F64", "signs F8_E4M3", "normal F64", "normal F8_E4M3"}) {
      expected.add(of + " 1");
      if (CORES > 1) {
        expected.add(of + " " + CORES);
      }
    }
    assertThat(names).isEqualTo(expected);
    assertThat(report.get("machine").get("cores").asInt()).isEqualTo(CORES);
    assertThat(report.get("machine").get("kernels").asText()).matches("vector kernels, \\d+ bits|loops: .*");
    assertThat(report.get("machine").get("java").asText()).startsWith("25");
    assertThat(report.get("devices").get(0).get("device").asText()).isEqualTo("cpu");
    assertThat(report.get("notes").get(0).asText()).contains("other work on this machine");
  }

  @Test
  void theTableIsForReaders() {
    CommandRun run = bench("--law uniform --dtype bf16 --elements 1000 --seconds 0.1");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out())
        .containsPattern("^.*, " + CORES + " cores?; .*; Java 25.*, heap of .*B\\R")
        .containsPattern("(?m)^cuda(:\\d+)?(:| cannot be used:) ")
        .containsPattern("(?m)^law +dtype +device +elements +G elements/s +GB/s +zeros, GB/s +share$")
        .containsPattern("(?m)^uniform +BF16 +cpu, 1 thread +1,000 +[\\d.]+ +[\\d.]+ +[\\d.]+ +\\d\\.\\d\\d of a fill$")
        .containsPattern("(?m)^note: other work");
  }

  @Test
  void thePageHasABarForEachRow() throws IOException {
    Path page = dir.resolve("speed.html");
    CommandRun run = bench("--law uniform,normal --dtype f32 --elements 100 --seconds 0.2 --json --html " + page);
    assertThat(run.code()).as(run.err()).isZero();
    int rows = new ObjectMapper().readTree(run.out()).get("rows").size();
    assertThat(page).content().startsWith("<!doctype html>").endsWith("</body></html>\n").doesNotContain("http").doesNotContain("NaN")
        .contains("<h2>CPU</h2>", "uniform f32", "normal f32", "GB/s</text>", " of a fill</text>", "other work on this machine");
    assertThat(Files.readString(page).split("<rect ", -1)).hasSize(rows + 1);
    assertThat(Files.readString(page).split("<line class=zeros", -1)).hasSize(rows + 1);
    try (var files = Files.list(dir)) {
      assertThat(files).as("nothing is left beside it").containsExactly(page);
    }
    assertThat(bench("--law uniform --dtype f32 --elements 100 --seconds 0.1 --html " + page).code()).as("a page of ours").isZero();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      --law cauchy               | unknown law 'cauchy'; known: uniform, normal, truncated_normal, log_normal, signs
      --law uniform,,normal      | unknown law ''; known: uniform
      --dtype f32,fp8            | unknown dtype 'fp8'; known: f64, f32, bf16, f16, f8_e4m3, f8_e5m2
      --elements 0               | --elements 0: give a number of elements from 1 on
      --elements -5              | --elements -5: give a number
      --elements 64MB            | --elements 64MB: give a number
      --elements many            | --elements many: give a number
      --elements 1000Ti          | as F32 that is 4.40 PB, and
      --elements 4000000Ti       | 2^63 - 1 bytes
      --seconds 0                | --seconds 0.0: give more than 0 and at most 86400
      --seconds NaN              | --seconds NaN: give more than 0
      --seconds soon             | 'soon'
      --html no/such/page.html   | there is no folder
      --html pom.xml             | no page of tensorseed's
      --threads 2                | --threads
      """)
  void wrongInputIsNamed(String line, String expected) {
    CommandRun run = bench(line);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).startsWith("tensorseed: ").contains(expected).doesNotContain("Exception");
  }

  @Test
  void helpTeaches() {
    assertThat(bench("--help").out()).contains("Usage: tensorseed bench", "Default: uniform,normal,truncated_normal", "f8_e4m3",
        "tensorseed bench --seconds 300 --html speed.html");
    assertThat(CommandRun.of("--help").out()).containsPattern("(?m)^ +bench +Measures");
  }

  /// Work that nobody waits for runs never on this driver, or fails.
  @Test
  void gpusHaveRowsByOurKernelsAndByCurand() throws Exception {
    Path left = dir.resolve("report.json");
    Path page = dir.resolve("gpu.html");
    Fork fork = Fork.emulated("lazy,report=" + left, Main.class, "bench", "--law", "uniform,truncated_normal", "--dtype", "bf16",
        "--elements", "3000", "--seconds", "1", "--json", "--html", page.toString());
    assertThat(fork.code()).as(fork.err()).isZero();
    JsonNode report = new ObjectMapper().readTree(fork.out());
    JsonNode rows = rows(report, "cuda:0");
    assertThat(rows).as("cuRAND has no truncated normal").hasSize(3);
    assertThat(rows).extracting(row -> row.get("law").asText() + " " + row.get("generator").asText())
        .containsExactly("uniform tensorseed", "uniform curand", "truncated_normal tensorseed");
    assertThat(rows).allMatch(row -> row.get("threads").isNull() && row.get("elements").asLong() == 3000);
    assertThat(report.get("notes").toString()).contains("cuda:0 is an emulated driver and no GPU");
    assertThat(page).content().contains("<h2>GPU</h2>", "cuda:0, curand", " of memory rate</text>");
    JsonNode calls = new ObjectMapper().readTree(left.toFile());
    assertThat(calls.get("leaks")).isEmpty();
    assertThat(calls.get("never_waited")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      devices=0                              | cuda cannot be used: NVIDIA's driver sees no GPU                       | 0
      fail=kernel:1:719                      | cuda:0 cannot be used: .*CUDA_ERROR_LAUNCH_FAILED                       | 0
      fail=curandCreateGenerator:1:203       | note: without cuda:0 by curand: .*CURAND_STATUS_INITIALIZATION_FAILED   | 1
      fail=kernel:7:700                      | note: no more of cuda:0: .*the CUDA context is lost                     | 0
      memory=4M                              | note: no uniform F64: cuda:0 has no room for 8000000 bytes              | 0
      """)
  void aGpuThatCannotBeUsedIsALine(String driver, String line, int rows) throws Exception {
    Fork fork = Fork.emulated(driver, Main.class, "bench", "--law", "uniform", "--dtype", "f64", "--elements",
        driver.startsWith("memory") ? "1000000" : "500", "--seconds", "0.5");
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(fork.err()).doesNotContain("Exception");
    assertThat(fork.out()).containsPattern("(?m)^" + line).containsPattern("(?m)^uniform +F64 +cpu, 1 thread ");
    assertThat(fork.out().lines().filter(text -> text.contains("of memory rate"))).hasSize(rows);
  }

  @Test
  void fewerElementsAreMeasuredWhereThereIsNoRoomForMore() throws Exception {
    Fork fork = Fork.emulated("memory=1M", Main.class, "bench", "--law", "uniform", "--dtype", "f32", "--seconds", "0.5", "--json");
    assertThat(fork.code()).as(fork.err()).isZero();
    JsonNode report = new ObjectMapper().readTree(fork.out());
    assertThat(rows(report, "cuda:0").get(0).get("elements").asLong() * 4).isLessThanOrEqualTo(1 << 20);
    assertThat(report.get("notes").toString()).contains("cuda:0: fewer than 67,108,864 elements");
  }
}
