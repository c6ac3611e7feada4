package io.github.tensorseed;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectIteration;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.io.PrintWriter;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.discovery.MethodSelector;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/// Runs one test, `CLASS#METHOD` below this package, or `CLASS#METHOD[2]` with the second of its arguments only.
///
/// Ends with 0 if it passes, 1 if it fails, with the failure printed, and 2 if nothing ran.
final class OneTestRun {
  private static final Pattern NAME = Pattern.compile("([\\w.]+)#(\\w+)(?:\\[(\\d+)])?");

  private OneTestRun() {}

  public static void main(String[] arguments) throws ClassNotFoundException {
    SummaryGeneratingListener listener = new SummaryGeneratingListener();
    LauncherFactory.create().execute(LauncherDiscoveryRequestBuilder.request().selectors(selector(arguments[0])).build(), listener);
    TestExecutionSummary summary = listener.getSummary();
    if (summary.getTotalFailureCount() > 0) {
      PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
      summary.getFailures().forEach(failure -> failure.getException().printStackTrace(out));
      System.exit(1);
    }
    System.exit(summary.getTestsSucceededCount() > 0 ? 0 : 2);
  }

  private static DiscoverySelector selector(String test) throws ClassNotFoundException {
    Matcher name = NAME.matcher(test);
    if (!name.matches()) {
      throw new IllegalArgumentException("'" + test + "' is not like cpu.LawsTest#exp or cpu.LawsTest#exp[2]");
    }
    Class<?> tests = Class.forName(OneTestRun.class.getPackageName() + "." + name.group(1));
    // A contract has its tests for the class of each device.
    Method method = Stream.of(tests, tests.getSuperclass()).flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
        .filter(candidate -> candidate.getName().equals(name.group(2)) && !Modifier.isPrivate(candidate.getModifiers())).findAny()
        .orElseThrow(() -> new IllegalArgumentException("there is no test " + test));
    MethodSelector all = selectMethod(tests, method);
    return name.group(3) == null ? all : selectIteration(all, Integer.parseInt(name.group(3)) - 1);
  }
}
