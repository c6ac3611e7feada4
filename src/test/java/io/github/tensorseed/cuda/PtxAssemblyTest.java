package io.github.tensorseed.cuda;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static jcuda.nvptxcompiler.nvPTXCompileResult.NVPTXCOMPILE_SUCCESS;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// NVIDIA's own assembler takes the kernels for every GPU that it knows, from Volta on, without a GPU or a driver: nothing spills, and
/// registers are those of the committed table.
@EnabledOnOs(value = OS.LINUX, architectures = "amd64", disabledReason = "the assembler comes as a library for Linux on x86_64")
class PtxAssemblyTest {
  private static final List<String> TARGETS = List.of("sm_70", "sm_72", "sm_75", "sm_80", "sm_86", "sm_87");
  private static final Pattern FUNCTION = Pattern.compile(
      "Compiling entry function '(\\w+)' for '\\w+'\\s+ptxas info\\s+: Function properties for \\1\\s+ptxas\\s+\\.\\s+"
          + "(\\d+ bytes stack frame, \\d+ bytes spill stores, \\d+ bytes spill loads)\\s+ptxas info\\s+: Used (\\d+) registers");

  /// JCuda unpacks its libraries under fixed names into this property's folder, and would load a stranger's file.
  @BeforeAll
  static void load() throws IOException {
    String folder = System.getProperty("java.io.tmpdir");
    System.setProperty("java.io.tmpdir", Files.createDirectories(Path.of("target/jcuda")).toAbsolutePath().toString());
    try {
      JNvPTXCompiler.nvPTXCompilerGetVersion(new int[1], new int[1]);
    } finally {
      System.setProperty("java.io.tmpdir", folder);
    }
  }

  @Test
  void everyGpuHasTheRegistersForIt() throws IOException {
    Map<String, Map<String, Integer>> registers = new TreeMap<>();
    for (String target : TARGETS) {
      String module = Ptx.TARGETS.stream().filter(first -> first.compareTo(target) <= 0).max(Comparator.naturalOrder()).orElseThrow();
      String log = assemble(Ptx.shipped(module).text(), target);
      Matcher function = FUNCTION.matcher(log);
      while (function.find()) {
        assertThat(function.group(2)).as(function.group(1) + " on " + target)
            .isEqualTo("0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads");
        registers.computeIfAbsent(function.group(1), _ -> new TreeMap<>()).put(target, Integer.valueOf(function.group(3)));
      }
    }
    assertThat(registers.keySet()).isEqualTo(Ptx.shipped("sm_70").entries().keySet());
    for (String entry : List.of("uniform_f32", "normal_f32")) {
      assertThat(registers.getOrDefault(entry, Map.of()).values()).as(entry).hasSameSizeAs(TARGETS).allMatch(used -> used <= 40);
    }

    StringBuilder table = new StringBuilder("""
        # Registers per thread of every kernel, on %s. Made by
        # mvn test -Dtest=PtxAssemblyTest     which writes target/registers.txt and compares
        """.formatted(String.join(", ", TARGETS)));
    registers.forEach((entry, used) ->
        table.append(entry).append(used.values().stream().map(count -> " " + count).collect(Collectors.joining())).append('\n'));
    Files.writeString(Path.of("target/registers.txt"), table);
    assertThat(table).hasToString(Files.readString(Path.of("src/test/resources/io/github/tensorseed/cuda/registers.txt")));
  }

  /// What the assembler says of the functions.
  private static String assemble(String text, String target) {
    byte[] ptx = (text + '\0').getBytes(US_ASCII);
    nvPTXCompilerHandle compiler = new nvPTXCompilerHandle();
    assertThat(JNvPTXCompiler.nvPTXCompilerCreate(compiler, ptx.length, ptx)).isEqualTo(NVPTXCOMPILE_SUCCESS);
    try {
      int code = JNvPTXCompiler.nvPTXCompilerCompile(compiler, 2, new String[] {"--gpu-name=" + target, "--verbose"});
      long[] length = new long[1];
      JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(compiler, length);
      byte[] errors = new byte[Math.toIntExact(length[0]) + 1];
      JNvPTXCompiler.nvPTXCompilerGetErrorLog(compiler, errors);
      assertThat(code).as(new String(errors, US_ASCII)).isEqualTo(NVPTXCOMPILE_SUCCESS);
      JNvPTXCompiler.nvPTXCompilerGetInfoLogSize(compiler, length);
      byte[] log = new byte[Math.toIntExact(length[0]) + 1];
      JNvPTXCompiler.nvPTXCompilerGetInfoLog(compiler, log);
      return new String(log, US_ASCII);
    } finally {
      JNvPTXCompiler.nvPTXCompilerDestroy(compiler);
    }
  }
}
