package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;

/// Packages depend on one another in one direction only, as jdeps sees it.
class ArchitectureTest {
  private static final String ROOT = "io.github.tensorseed";

  /// What each package may use of ours, apart from the root package.
  private static final Map<String, Set<String>> ALLOWED = Map.ofEntries(
      Map.entry("", Set.of()),
      Map.entry("cpu", Set.of()),
      Map.entry("cuda", Set.of()),
      Map.entry("device", Set.of("cpu", "cuda")),
      Map.entry("signal", Set.of()),
      Map.entry("dlpack", Set.of("cuda")),
      Map.entry("checkpoint", Set.of()),
      Map.entry("whitening", Set.of("checkpoint")),
      Map.entry("model", Set.of("checkpoint", "whitening")),
      Map.entry("adapter", Set.of("checkpoint", "model")),
      Map.entry("cli", Set.of("adapter", "cpu", "device", "checkpoint", "model", "signal", "whitening")));

  /// The same for what profiles add.
  private static final Map<String, Set<String>> ADDED = Map.of(
      "djl", Set.of("cpu"),
      "dl4j", Set.of("cpu"),
      "spark", Set.of("cpu", "device", "checkpoint", "model", "whitening", "cli"));

  @Test
  void packagesUseWhatTheyMay() {
    StringWriter out = new StringWriter();
    ToolProvider jdeps = ToolProvider.findFirst("jdeps").orElseThrow();
    jdeps.run(new PrintWriter(out), new PrintWriter(out), "-verbose:package", "--multi-release", "base", "--ignore-missing-deps", "target/classes");
    Map<String, Set<String>> found = new TreeMap<>();
    Matcher line = Pattern.compile("(?m)^ +(" + ROOT + "\\S*) +-> (\\S+)").matcher(out.toString());
    while (line.find()) {
      Set<String> used = found.computeIfAbsent(name(line.group(1)), _ -> new TreeSet<>());
      if (line.group(2).startsWith(ROOT + ".")) {
        used.add(name(line.group(2)));
      }
    }
    Map<String, Set<String>> allowed = new TreeMap<>(ALLOWED);
    allowed.putAll(ADDED);
    assertThat(found.keySet()).as(out.toString()).containsAll(ALLOWED.keySet());
    found.forEach((name, used) -> {
      assertThat(allowed.get(name)).as("package '" + name + "' uses").isNotNull().containsAll(used);
    });
    // The command has to find its way to devices: an empty result would mean that nothing was read.
    assertThat(found.get("cli")).contains("device", "checkpoint", "model");
  }

  private static String name(String qualified) {
    return qualified.equals(ROOT) ? "" : qualified.substring(ROOT.length() + 1);
  }
}
