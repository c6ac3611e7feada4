package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.cli.CommandRun;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The README's examples compile as they stand, and run.
class ReadmeTest {
  private static final String IMPORTS = """
      import io.github.tensorseed.*;
      import io.github.tensorseed.device.*;
      import java.util.*;
      """;

  @TempDir Path classes;

  @Test
  void firstExampleRuns() throws Exception {
    run("public class Example { public static void main(String[] args) throws Exception {\n" + examples().get(0) + "}}");
  }

  @Test
  void shardIsThePartOfTheWhole() throws Exception {
    // The second example needs a device and a stream; so much memory is not needed to see that it runs.
    String shard = examples().get(1).replace("53248", "512").replace("16384", "256").replace("6656", "64");
    run("""
        public class Example { public static void main(String[] args) throws Exception {
          try (Device device = Devices.open("cpu")) {
            RandomStream stream = RandomStream.of(42).named("w");
        """ + shard + "}}}");
  }

  @Test
  void ownInitializerComesBack() throws Exception {
    int call = examples().get(2).indexOf("Expression.parse");
    run(examples().get(2).substring(0, call)
        + "public class Example { public static void main(String[] args) { Initializer i = " + examples().get(2).substring(call)
        + "if (!i.resolve(Shape.of(2)).toString().equals(\"checkered(0.5)\")) throw new AssertionError(i); }}");
  }

  /// In a folder of its own, where the README has target.
  @Test
  void whiteningRuns(@TempDir Path target) throws IOException {
    List<String> lines = Pattern.compile("(?m)^ {4}tensorseed (zca .*)$").matcher(Files.readString(Path.of("README.md"))).results()
        .map((MatchResult match) -> match.group(1).replace("target/", target + "/")).toList();
    assertThat(lines).hasSizeGreaterThanOrEqualTo(3);
    for (String line : lines) {
      CommandRun run = CommandRun.of(line.split(" +", -1));
      assertThat(run.code()).as(line + "\n" + run.err()).isZero();
    }
  }

  @Test
  void whiteningIsSaved() throws Exception {
    Path file = classes.resolve("zca.safetensors");
    String example = examples().get(3).replace("zca.safetensors", file.toString());
    run("""
        import io.github.tensorseed.whitening.*;
        import io.github.tensorseed.whitening.Covariance.Precision;
        import io.github.tensorseed.whitening.Scatter.*;
        import io.github.tensorseed.whitening.Whitening.*;
        import java.nio.file.Path;
        public class Example { public static void main(String[] args) throws Exception {
          long n = 3;
          long d = 5;
          try (Device device = Devices.open("cpu"); Tensor rows = device.allocate(DType.F32, Shape.of(n, d));
               Tensor white = device.allocate(DType.F32, Shape.of(n, d))) {
            device.fill(rows, new Distribution.Normal(0, 1), RandomStream.of(42));
            List<Tensor> batches = List.of(rows);
        """ + example + "}}}");
    assertThat(file).isNotEmptyFile();
  }

  /// It takes a GPU to run; [io.github.tensorseed.examples] has the same, which runs on the emulated one.
  @Test
  void trainingOnAGpuCompiles() throws Exception {
    run("""
        import io.github.tensorseed.cuda.*;
        import jcuda.driver.*;
        public class Example {
          public static void main(String[] args) {}
          static void train(CUstream stream, CUdeviceptr memory, CUdeviceptr other, int steps) {
        """ + example("CudaDevice.attach(stream)") + "}}");
  }

  @Test
  void tensorIsLentAndBorrowed() throws Exception {
    run("""
        import io.github.tensorseed.dlpack.*;
        import java.lang.foreign.MemorySegment;
        public class Example { public static void main(String[] args) throws Exception {
        """ + example("DLPack.VERSIONED.lend") + "}}");
  }

  /// Of less memory, and so of fewer panels.
  @Test
  void orthogonalMatrixIsMadeInParts() throws Exception {
    run("""
        import io.github.tensorseed.OrthogonalPanels.Triangle;
        public class Example { public static void main(String[] args) throws Exception {
          try (Device device = Devices.open("cpu");
               Tensor shard = device.allocate(DType.BF16, Slice.of(Shape.of(1 << 12, 8)).along(0, 1 << 10, 1 << 10))) {
        """ + example("new OrthogonalPanels").replace("1 << 20, 256", "1 << 12, 8") + "}}}");
  }

  private static String example(String part) throws IOException {
    return examples().stream().filter(example -> example.contains(part)).findFirst().orElseThrow();
  }

  private static List<String> examples() throws IOException {
    return Pattern.compile("(?ms)^ *```java\\n(.*?)^ *```").matcher(Files.readString(Path.of("README.md"))).results()
        .map((MatchResult match) -> match.group(1)).toList();
  }

  private void run(String body) throws Exception {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    JavaFileObject source = new SimpleJavaFileObject(URI.create("string:///Example.java"), JavaFileObject.Kind.SOURCE) {
      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return IMPORTS + body;
      }
    };
    boolean compiled = compiler.getTask(messages, null, null, List.of("-d", classes.toString(), "-proc:none",
        "-cp", System.getProperty("java.class.path")), null, List.of(source)).call();
    assertThat(compiled).as(messages + "\n" + body).isTrue();
    try (URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()})) {
      loader.loadClass("Example").getMethod("main", String[].class).invoke(null, (Object) new String[0]);
    }
  }
}
