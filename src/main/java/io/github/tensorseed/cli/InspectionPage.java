package io.github.tensorseed.cli;

import io.github.tensorseed.checkpoint.Inspection;
import io.github.tensorseed.checkpoint.Summary;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/// An inspection as one page.
final class InspectionPage {
  private static final int HEIGHT = 48;
  private static final int BAR = 4;

  private InspectionPage() {}

  static void write(Path file, String title, Inspection inspection) throws IOException {
    StringBuilder page = new StringBuilder();
    long flagged = inspection.tensors().stream().filter(finding -> !finding.flags().isEmpty()).count();
    page.append("<p>").append(Units.count(inspection.tensors().size(), "tensor")).append(", ").append(flagged).append(" flagged</p>\n");
    page.append("<table><thead><tr><th>tensor</th><th>histogram</th><th class=n>mean</th><th class=n>std</th><th class=n>skewness</th>"
        + "<th class=n>excess kurtosis</th><th class=n>min</th><th class=n>max</th><th class=n>zeros</th><th class=n>nan/inf</th></tr></thead><tbody>\n");
    for (Inspection.Finding finding : inspection.tensors()) {
      row(page, finding);
    }
    HtmlPage.write(file, title, page.append("</tbody></table>").toString());
  }

  private static void row(StringBuilder page, Inspection.Finding finding) {
    page.append("<tr><td><code>").append(HtmlPage.escape(finding.tensor().name())).append("</code><br>")
        .append(finding.tensor().type()).append(' ').append(finding.tensor().shape());
    if (finding.expression() != null) {
      page.append("<br><code>").append(HtmlPage.escape(finding.expression())).append("</code>");
    }
    for (String flag : finding.flags()) {
      page.append("<div class=flag>").append(HtmlPage.escape(flag)).append("</div>");
    }
    page.append("</td><td>");
    if (finding.summary().isPresent()) {
      Summary summary = finding.summary().get();
      bars(page, summary.histogram());
      page.append("</td>");
      for (double value : new double[] {summary.mean(), summary.std(), summary.skewness(), summary.excessKurtosis(), summary.min(),
          summary.max()}) {
        page.append("<td class=n>").append(String.format(Locale.ROOT, "%.5g", value)).append("</td>");
      }
      page.append("<td class=n>").append(Units.count(summary.zeros())).append("</td><td class=n>").append(Units.count(summary.nans()))
          .append('/').append(Units.count(summary.infinities())).append("</td>");
    } else {
      page.append("</td><td colspan=8></td>");
    }
    page.append("</tr>\n");
  }

  private static void bars(StringBuilder page, List<Long> counts) {
    long most = Math.max(1, counts.stream().mapToLong(Long::longValue).max().orElse(1));
    page.append("<svg width=%d height=%d role=img>".formatted(counts.size() * BAR, HEIGHT));
    for (int i = 0; i < counts.size(); i++) {
      double height = (double) counts.get(i) / most * HEIGHT;
      if (counts.get(i) > 0) {
        page.append(String.format(Locale.ROOT, "<rect x=%d y=%.1f width=%d height=%.1f />", i * BAR, HEIGHT - height, BAR - 1, height));
      }
    }
    page.append("</svg>");
  }
}
