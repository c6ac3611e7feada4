package io.github.tensorseed.cli;

import io.github.tensorseed.signal.Signal;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;

/// What `compare` found, as one page.
final class ComparePage {
  private ComparePage() {}

  static void write(Path file, CompareCommand.Report report) throws IOException {
    StringBuilder page = new StringBuilder();
    page.append("<p>").append(HtmlPage.escape(report.input())).append("</p>\n<p>")
        .append(HtmlPage.escape(String.join("\n", report.verdict())).replace("\n", "<br>")).append("</p>\n");
    if (report.recipe() != null) {
      page.append("<p><code>").append(HtmlPage.escape(report.recipe())).append("</code></p>\n");
    }
    chart(page, report, "Forth", "variance of a layer's outputs", true, Signal.Layer::variance);
    chart(page, report, "Back", "variance of the gradient with respect to a layer's outputs", true, Signal.Layer::gradientVariance);
    chart(page, report, "Weights", "Frobenius norm of the gradient with respect to a layer's weight", true, Signal.Layer::gradientNorm);
    chart(page, report, "Dead units", "share of a layer's units through which no gradient comes, %", false, layer -> 100 * layer.dead());
    HtmlPage.write(file, report.title(), page.toString());
  }

  private static void chart(StringBuilder page, CompareCommand.Report report, String title, String y, boolean powers,
      ToDoubleFunction<Signal.Layer> value) {
    List<LineChart.Line> lines = report.inits().stream()
        .map(measured -> LineChart.Line.of(measured.init(), measured.layers().stream().mapToDouble(value))).toList();
    page.append("<h2>").append(title).append("</h2>\n").append(new LineChart("layer", y, powers, lines, List.of()).html());
  }
}
