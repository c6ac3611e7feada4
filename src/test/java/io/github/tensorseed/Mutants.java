package io.github.tensorseed;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.cuda.Emulator;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/// The tests' own test: mutants.json has changes that somebody might make by mistake, each with the one test that was written to see it.
///
/// A mutant is killed if the changed sources compile, its test fails and names what the list says, and the same test passes without the
/// change. The sources stay as they are: what is compiled from a changed copy comes first on the class path of a JVM of the mutant's own.
/// Prints a line for each and how many of how many were killed; ends with 1 if one was not.
///
/// Arguments: texts, of which a mutant's name, file or test has to contain one.
public final class Mutants {
  private static final Path LIST = Path.of("src/test/resources/io/github/tensorseed/mutants.json");
  private static final Path JAVA = Path.of("src/main/java");
  private static final Path RESOURCES = Path.of("src/main/resources");
  private static final Path FOLDER = Path.of("target/mutants");
  /// As tests are started otherwise; jqwik must not remember what a mutant made fail.
  private static final List<String> FLAGS =
      Stream.concat(Fork.FLAGS.stream(), Stream.of("-Xmx1g", "-XX:TieredStopAtLevel=4", "-Djqwik.database=")).toList();

  /// @param file below src/main
  /// @param after the change is made behind the first place that has this, if it is given
  /// @param text what is replaced; one place only has it, or the first behind `after`
  /// @param test that must fail, as [OneTestRun] takes it
  /// @param message a part of what that test then says
  /// @param why somebody might write this
  private record Mutant(
      String name, String file, @Nullable String after, String text, String replacement, String test, String message, String why) {

    boolean matches(String pattern) {
      return name.contains(pattern) || file.contains(pattern) || test.contains(pattern);
    }

    Path source() {
      return Path.of("src/main", file);
    }

    String changed() throws IOException {
      String source = Files.readString(source());
      int from = after == null ? 0 : source.indexOf(after);
      int at = from < 0 ? -1 : source.indexOf(text, from);
      if (at < 0 || after == null && source.indexOf(text, at + 1) >= 0) {
        throw new IOException(file + " has '" + text + "' " + (at < 0 ? "nowhere" : "more than once") + "; the list must follow the sources");
      }
      return source.substring(0, at) + replacement + source.substring(at + text.length());
    }
  }

  private record Result(Mutant mutant, @Nullable String problem, double seconds) {}

  private final JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();

  private Mutants() {}

  public static void main(String[] arguments) throws IOException, InterruptedException, ExecutionException {
    System.exit(new Mutants().run(List.of(arguments)) ? 0 : 1);
  }

  private boolean run(List<String> patterns) throws IOException, InterruptedException, ExecutionException {
    List<Mutant> mutants = Arrays.stream(new ObjectMapper().readValue(LIST.toFile(), Mutant[].class))
        .filter(mutant -> patterns.isEmpty() || patterns.stream().anyMatch(mutant::matches)).toList();
    Emulator.folder(); // builds it, before many ask for it at once
    if (Files.exists(FOLDER)) { // of another state of the sources
      try (Stream<Path> old = Files.walk(FOLDER)) {
        for (Path file : old.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
    long started = System.nanoTime();
    int killed = 0;
    boolean sound = !mutants.isEmpty();
    try (ExecutorService threads = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
      Map<String, Future<Fork>> unchanged = new LinkedHashMap<>();
      mutants.forEach(mutant -> unchanged.computeIfAbsent(mutant.test, test -> threads.submit(() -> test(test, List.of()))));
      List<Future<Result>> results = new ArrayList<>();
      mutants.forEach(mutant -> results.add(threads.submit(() -> result(mutant))));
      for (Map.Entry<String, Future<Fork>> test : unchanged.entrySet()) {
        if (test.getValue().get().code() != 0) {
          sound = false;
          System.out.println("unsound: " + test.getKey() + " fails without a mutant\n" + excerpt(test.getValue().get()));
        }
      }
      for (Future<Result> future : results) {
        Result result = future.get();
        killed += result.problem == null ? 1 : 0;
        System.out.printf(Locale.ROOT, "%-8s %-28s %4.1f s  %s%n", result.problem == null ? "killed" : "ALIVE", result.mutant.name, result.seconds,
            result.problem == null ? result.mutant.test : result.problem);
      }
    }
    System.out.printf(Locale.ROOT, "%d of %d mutants killed, %.0f s%n", killed, mutants.size(), (System.nanoTime() - started) * 1e-9);
    return sound && killed == mutants.size();
  }

  /// What happens to a mutant; its problem is null if it is killed.
  private Result result(Mutant mutant) throws IOException, InterruptedException {
    long started = System.nanoTime();
    String problem;
    try {
      problem = problem(mutant);
    } catch (IOException | AssertionError e) {
      problem = String.valueOf(e.getMessage());
    }
    return new Result(mutant, problem, (System.nanoTime() - started) * 1e-9);
  }

  private @Nullable String problem(Mutant mutant) throws IOException, InterruptedException {
    Path classes = FOLDER.resolve(mutant.name);
    if (mutant.source().startsWith(JAVA)) {
      compile(mutant, classes);
    } else {
      Path resource = classes.resolve(RESOURCES.relativize(mutant.source()));
      Files.createDirectories(resource.resolveSibling(""));
      Files.writeString(resource, mutant.changed());
    }
    Fork fork = test(mutant.test, List.of(classes.toString()));
    return switch (fork.code()) {
      case 0 -> mutant.test + " passes";
      case 1 -> fork.out().contains(mutant.message) ? null : mutant.test + " does not say '" + mutant.message + "', but\n" + excerpt(fork);
      default -> mutant.test + " did not run\n" + excerpt(fork);
    };
  }

  /// Compiles the source and those that name its class, for javac copies constants from class to class.
  private void compile(Mutant mutant, Path classes) throws IOException {
    JavaFileObject changed = new SimpleJavaFileObject(
        URI.create("string:///" + JAVA.relativize(mutant.source())), JavaFileObject.Kind.SOURCE) {
      private final String text = mutant.changed();

      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return text;
      }
    };
    StringWriter messages = new StringWriter();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, UTF_8); Stream<Path> all = Files.walk(JAVA)) {
      Pattern name = Pattern.compile("\\b" + String.valueOf(mutant.source().getFileName()).replace(".java", "") + "\\b");
      List<JavaFileObject> sources = new ArrayList<>(List.of(changed));
      for (Path file : all.filter(path -> path.toString().endsWith(".java") && !path.equals(mutant.source())).toList()) {
        if (name.matcher(Files.readString(file)).find()) {
          files.getJavaFileObjects(file).forEach(sources::add);
        }
      }
      Files.createDirectories(classes);
      boolean compiled = compiler.getTask(messages, files, null, List.of("-d", classes.toString(), "-proc:none", "-nowarn", "--add-modules",
          "jdk.incubator.vector", "-cp", System.getProperty("java.class.path")), null, sources).call();
      if (!compiled) {
        throw new IOException("it does not compile\n" + messages);
      }
    }
  }

  private static Fork test(String test, List<String> first) throws IOException, InterruptedException {
    String classPath = String.join(File.pathSeparator, Stream.concat(first.stream(), Stream.of(System.getProperty("java.class.path"))).toList());
    return Fork.run(Map.of(), FLAGS, classPath, OneTestRun.class.getName(), test);
  }

  private static String excerpt(Fork fork) {
    return Stream.concat(fork.out().lines(), fork.err().lines()).limit(25).map(line -> "    " + line + "\n").reduce("", String::concat);
  }
}
