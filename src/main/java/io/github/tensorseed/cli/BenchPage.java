package io.github.tensorseed.cli;

import io.github.tensorseed.device.Devices;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A run of `bench` as one page: a bar for each row, as long as it is fast, in a chart for the CPU and one for GPUs, of another scale.
final class BenchPage {
  private static final int WIDTH = 900;
  private static final int LEFT = 150;
  /// For what is said behind a bar.
  private static final int RIGHT = 290;
  private static final int TOP = 34;
  private static final int BAR = 16;
  private static final int STEP = 22;
  private static final int HEADING = 30;

  private BenchPage() {}

  static void write(Path file, Bench.Report report) throws IOException {
    StringBuilder page = new StringBuilder("<p>").append(HtmlPage.escape(report.machine().toString())).append("</p>\n");
    for (Devices.Diagnosis device : report.devices().subList(1, report.devices().size())) {
      page.append("<p>").append(HtmlPage.escape(device.device() + (device.usable() ? ": " : " cannot be used: ") + device.details()))
          .append("</p>\n");
    }
    section(page, "CPU", "the rate of zeros to the same memory, by MemorySegment.fill on as many threads",
        report.rows().stream().filter(row -> row.threads() != null).toList());
    section(page, "GPU", "the rate of a memset of the same memory, which is that of the memory",
        report.rows().stream().filter(row -> row.threads() == null).toList());
    page.append("<h2>Notes</h2>\n");
    report.notes().forEach(note -> page.append("<p>").append(HtmlPage.escape(note)).append("</p>\n"));
    HtmlPage.write(file, "tensorseed bench", page.toString());
  }

  private static void section(StringBuilder page, String title, String mark, List<Bench.Row> rows) {
    if (rows.isEmpty()) {
      return;
    }
    page.append("<h2>").append(title).append("</h2>\n<p>Bytes written in a second; the orange mark is ").append(mark)
        .append(", in turn with the row. Medians.</p>\n");
    List<List<Bench.Row>> groups = groups(rows);
    int height = TOP + HEADING * groups.size() + STEP * rows.size();
    double most = rows.stream().mapToDouble(row -> Math.max(row.bytesPerSecond(), row.zerosPerSecond())).max().orElse(1);
    double tick = tick(most);
    double scale = (WIDTH - LEFT - RIGHT) / most;
    page.append("<svg class=chart viewBox=\"0 0 %d %d\" role=img aria-label=\"%s, bytes per second\">\n".formatted(WIDTH, height, title));
    for (int i = 0; i * tick <= most; i++) {
      double x = LEFT + i * tick * scale;
      page.append(String.format(Locale.ROOT, "<line x1=%.1f x2=%1$.1f y1=%d y2=%d /><text x=%1$.1f y=%d text-anchor=middle>%s</text>%n",
          x, TOP - 6, height, TOP - 12, i == 0 ? "0" : Units.giga(i * tick) + " GB/s"));
    }
    int y = TOP;
    for (List<Bench.Row> group : groups) {
      page.append("<text x=0 y=%d font-weight=600>%s %s</text>\n".formatted(y + HEADING - 10, group.getFirst().law(),
          group.getFirst().dtype().toLowerCase(Locale.ROOT)));
      y += HEADING;
      for (Bench.Row row : group) {
        bar(page, row, y, scale);
        y += STEP;
      }
    }
    page.append("</svg>\n");
  }

  private static void bar(StringBuilder page, Bench.Row row, int y, double scale) {
    double end = LEFT + row.bytesPerSecond() * scale;
    double zeros = LEFT + row.zerosPerSecond() * scale;
    String label = String.format(Locale.ROOT, "%s G elements/s, %s GB/s, %.2f of %s", Units.giga(row.elementsPerSecond()),
        Units.giga(row.bytesPerSecond()), row.share(), row.whole());
    page.append(String.format(Locale.ROOT,
        "<text x=%d y=%d text-anchor=end>%s</text><rect x=%d y=%d width=%.1f height=%d />", LEFT - 6, y + BAR - 4,
        HtmlPage.escape(row.what()), LEFT, y, Math.max(end - LEFT, 0.5), BAR));
    page.append(String.format(Locale.ROOT, "<line class=zeros x1=%.1f x2=%1$.1f y1=%d y2=%d /><text x=%.1f y=%d>%s</text>%n",
        zeros, y - 2, y + BAR + 2, Math.max(end, zeros) + 6, y + BAR - 4, label));
  }

  /// Rows of one law and dtype, which are beside one another already.
  private static List<List<Bench.Row>> groups(List<Bench.Row> rows) {
    List<List<Bench.Row>> groups = new ArrayList<>();
    for (Bench.Row row : rows) {
      if (groups.isEmpty() || !groups.getLast().getFirst().law().equals(row.law())
          || !groups.getLast().getFirst().dtype().equals(row.dtype())) {
        groups.add(new ArrayList<>());
      }
      groups.getLast().add(row);
    }
    return groups;
  }

  /// A round distance of which a few go into `most`: 1, 2 or 5 by a power of ten.
  private static double tick(double most) {
    double power = Math.pow(10, Math.floor(Math.log10(most / 2)));
    return power * (most / power >= 10 ? 5 : most / power >= 5 ? 2 : 1);
  }
}
