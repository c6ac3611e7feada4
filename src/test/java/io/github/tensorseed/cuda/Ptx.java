package io.github.tensorseed.cuda;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The text of a PTX module, as far as the gate reads it.
record Ptx(String text) {
  private static final Pattern ENTRY = Pattern.compile("\\.visible \\.entry (\\w+)\\(([^)]*)\\)");
  private static final Pattern PARAMETER = Pattern.compile("\\.param (\\S.*?) \\w+(\\[\\d+])?,?\\s*$", Pattern.MULTILINE);
  private static final Pattern DIRECTIVE = Pattern.compile("(?m)^\\s*(\\.(?:(?:visible|extern|weak|common) \\.)?[a-z_]+)");
  private static final Pattern INSTRUCTION = Pattern.compile("(?<=[;{}:\\n])\\s*(?:@!?%p\\d+\\s+)?([a-z][\\w.]*)(?=[\\s;])");
  private static final Set<String> ROUNDED = Set.of("add", "sub", "mul", "mad", "fma", "div", "sqrt", "rcp");

  /// The GPUs for which a module ships, and for all later ones until the next.
  static final List<String> TARGETS = List.of("sm_70", "sm_80");

  /// The module that ships for GPUs from this one on.
  static Ptx shipped(String target) {
    try (InputStream in = Ptx.class.getResourceAsStream("kernels_" + target + ".ptx")) {
      return new Ptx(new String(in.readAllBytes(), US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String code() {
    return text.replaceAll("//.*", "");
  }

  /// The types of each entry's parameters, by the entry's name.
  Map<String, List<String>> entries() {
    Map<String, List<String>> entries = new TreeMap<>();
    Matcher entry = ENTRY.matcher(code());
    while (entry.find()) {
      List<String> types = new ArrayList<>();
      Matcher parameter = PARAMETER.matcher(entry.group(2));
      while (parameter.find()) {
        types.add(parameter.group(1) + (parameter.group(2) == null ? "" : parameter.group(2)));
      }
      entries.put(entry.group(1), types);
    }
    return entries;
  }

  /// What lines begin with that are not instructions.
  Set<String> directives() {
    Set<String> directives = new TreeSet<>();
    Matcher directive = DIRECTIVE.matcher(code());
    while (directive.find()) {
      directives.add(directive.group(1));
    }
    return directives;
  }

  /// Every instruction's name with its types and modifiers.
  Set<String> opcodes() {
    Set<String> opcodes = new TreeSet<>();
    Matcher instruction = INSTRUCTION.matcher(code());
    while (instruction.find()) {
      opcodes.add(instruction.group(1));
    }
    return opcodes;
  }

  /// Opcodes whose result is not one IEEE 754 operation's, rounded to nearest even: on a GPU, and nowhere else, these would be other bits.
  Set<String> inexact() {
    Set<String> inexact = new TreeSet<>();
    for (String opcode : opcodes()) {
      List<String> parts = List.of(opcode.split("\\."));
      boolean rounds = ROUNDED.contains(parts.getFirst()) && parts.stream().anyMatch(part -> part.matches("b?f\\d+(x2)?"));
      if (rounds && !parts.contains("rn") || parts.contains("approx") || parts.contains("ftz") || parts.contains("full")) {
        inexact.add(opcode);
      }
    }
    return inexact;
  }
}
