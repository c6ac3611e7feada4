package io.github.tensorseed.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.tensorseed.checkpoint.Inspection;
import io.github.tensorseed.checkpoint.Summary;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// An inspection as one page that needs nothing else.
final class HtmlReport {
  private static final int HEIGHT = 48;
  private static final int BAR = 4;

  private static final String BEGINNING = "<!doctype html>\n<html lang=\"en\"><head><meta name=\"generator\" content=\"tensorseed\">";

  private HtmlReport() {}

  /// @throws IOException if there is something other than such a page, or no folder for one
  static void requireReplaceable(Path file) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new IOException("cannot write " + file + ": there is no folder " + folder);
    }
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      byte[] beginning = BEGINNING.getBytes(UTF_8);
      if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        try (InputStream in = Files.newInputStream(file)) {
          if (Arrays.equals(in.readNBytes(beginning.length), beginning)) {
            return;
          }
        }
      }
      throw new IOException(file + " is there already, and is no page of tensorseed's; choose another name");
    }
  }

  /// Writes the page, whole or not at all.
  static void write(Path file, String title, Inspection inspection) throws IOException {
    Path temporary = Files.createTempFile(file.toAbsolutePath().getParent(), ".tensorseed-", ".html");
    try {
      Files.writeString(temporary, of(title, inspection));
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static String of(String title, Inspection inspection) {
    StringBuilder page = new StringBuilder(BEGINNING).append("""
        <meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>%1$s</title>
        <style>
        body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #1c2330; background: #fff }
        h1 { font-size: 1.3rem } p { color: #566 }
        table { border-collapse: collapse; width: 100%% }
        th { text-align: left; font-weight: 600; border-bottom: 2px solid #ccd; padding: .3rem .6rem; position: sticky; top: 0; background: #fff }
        td { border-bottom: 1px solid #e4e6ee; padding: .3rem .6rem; vertical-align: middle }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
        code { font-size: .9em } .flag { color: #a31515 } svg { display: block } rect { fill: #3b6fb6 }
        @media (prefers-color-scheme: dark) {
          body, th { background: #14181f; color: #dde3ee } p { color: #9ab } th { border-color: #345 } td { border-color: #253040 }
          rect { fill: #7aa7e6 } .flag { color: #ff8a80 }
        }
        </style></head><body>
        <h1>%1$s</h1>
        """.formatted(escape(title)));
    long flagged = inspection.tensors().stream().filter(finding -> !finding.flags().isEmpty()).count();
    page.append("<p>").append(Units.count(inspection.tensors().size(), "tensor")).append(", ").append(flagged).append(" flagged</p>\n");
    page.append("<table><thead><tr><th>tensor</th><th>histogram</th><th class=n>mean</th><th class=n>std</th><th class=n>skewness</th>"
        + "<th class=n>excess kurtosis</th><th class=n>min</th><th class=n>max</th><th class=n>zeros</th><th class=n>nan/inf</th></tr></thead><tbody>\n");
    for (Inspection.Finding finding : inspection.tensors()) {
      row(page, finding);
    }
    return page.append("</tbody></table></body></html>\n").toString();
  }

  private static void row(StringBuilder page, Inspection.Finding finding) {
    page.append("<tr><td><code>").append(escape(finding.tensor().name())).append("</code><br>")
        .append(finding.tensor().type()).append(' ').append(finding.tensor().shape());
    if (finding.expression() != null) {
      page.append("<br><code>").append(escape(finding.expression())).append("</code>");
    }
    for (String flag : finding.flags()) {
      page.append("<div class=flag>").append(escape(flag)).append("</div>");
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

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }
}
