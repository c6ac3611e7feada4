package io.github.tensorseed.cli;

import io.github.tensorseed.whitening.Epsilon;
import io.github.tensorseed.whitening.Whitening;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// What a whitening does to data, as one page.
///
/// @param data words for the rows
/// @param filters rows of the matrix, where rows are images
record WhiteningPage(Whitening whitening, String data, PickedRows before, PickedRows after, Optional<ImageShape> image,
    List<double[]> filters) {
  private static final int COLUMNS = 8;
  private static final int CHART_WIDTH = 640;
  private static final int CHART_HEIGHT = 280;
  private static final int MARGIN = 48;
  private static final int POINTS = 600;
  private static final int WIDTH = 470;

  void write(Path file) throws IOException {
    StringBuilder page = new StringBuilder();
    double[] covarianceBefore = before.covariance();
    double[] covarianceAfter = after.covariance();
    Spectrum spectrum = Spectrum.of(whitening);
    facts(page, spectrum, covarianceBefore, covarianceAfter);
    page.append("<h2>Spectrum</h2>\n<p>Eigenvalues of the covariance that was fitted, before and after.</p>\n");
    chart(page, spectrum);
    page.append("<h2>Covariance of the data</h2>\n<p>").append(before.step() == 1 ? "All features" : "One feature in " + before.step())
        .append("; blue is below 0, white 0, red above.</p>\n<div class=row>\n");
    heatMap(page, "before", covarianceBefore);
    heatMap(page, "after", covarianceAfter);
    page.append("</div>\n");
    image.ifPresent(shape -> images(page, shape));
    HtmlPage.write(file, whitening.kind() + " of " + data, page.toString());
  }

  private void facts(StringBuilder page, Spectrum spectrum, double[] covarianceBefore, double[] covarianceAfter) {
    Whitening.Origin origin = whitening.origin();
    page.append("<table class=facts><tbody>\n");
    fact(page, "fitted to", Units.count(origin.rows(), "row") + " of " + Units.count(whitening.mean().length, "feature"));
    fact(page, "rank", Units.count(whitening.rank()));
    fact(page, "epsilon", switch (origin.epsilon()) {
      case Epsilon.Absolute(double value) -> number(value);
      case Epsilon.Relative(double share) -> number(spectrum.added) + ", " + number(share) + " of the mean eigenvalue";
      case Epsilon.SingularValue(double value) -> number(value) + " on the singular value";
      case Epsilon.OfSums(double value) -> number(value) + " on the eigenvalue of the sums";
    });
    fact(page, "condition", number(spectrum.conditionBefore()) + " before, " + number(spectrum.conditionAfter()) + " after");
    fact(page, "mean variance of the data", number(meanDiagonal(covarianceBefore)) + " before, "
        + number(meanDiagonal(covarianceAfter)) + " after");
    fact(page, "mean correlation in it, by magnitude", number(meanCorrelation(covarianceBefore)) + " before, "
        + number(meanCorrelation(covarianceAfter)) + " after");
    fact(page, "computed", origin.side().name().toLowerCase(Locale.ROOT) + " side, ddof " + origin.ddof() + ", "
        + (origin.shrinkage() > 0 ? "shrinkage " + number(origin.shrinkage()) + ", " : "") + origin.device() + ", " + origin.library());
    page.append("</tbody></table>\n");
  }

  private static void fact(StringBuilder page, String name, String value) {
    page.append("<tr><th>").append(name).append("</th><td>").append(HtmlPage.escape(value)).append("</td></tr>\n");
  }

  private static String number(double value) {
    return Units.number(new BigDecimal(value).round(new MathContext(3)).doubleValue());
  }

  private static double meanDiagonal(double[] matrix) {
    int n = (int) Math.sqrt(matrix.length);
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += matrix[i * n + i];
    }
    return sum / n;
  }

  /// Of different features that are not constant.
  private static double meanCorrelation(double[] matrix) {
    int n = (int) Math.sqrt(matrix.length);
    double sum = 0;
    long pairs = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        double variances = matrix[i * n + i] * matrix[j * n + j];
        if (variances > 0) {
          sum += Math.abs(matrix[i * n + j]) / Math.sqrt(variances);
          pairs++;
        }
      }
    }
    return sum / Math.max(pairs, 1);
  }

  /// Of what is above 0, in powers of 10.
  private void chart(StringBuilder page, Spectrum spectrum) {
    double[] positive = Arrays.stream(spectrum.before).filter(value -> value > 0).toArray();
    double[] whitened = Arrays.stream(spectrum.after).filter(value -> value > 0).toArray();
    int least = (int) Math.floor(Math.log10(Math.min(Arrays.stream(positive).min().orElse(1), Arrays.stream(whitened).min().orElse(1))));
    int most = (int) Math.ceil(Math.log10(Math.max(Arrays.stream(positive).max().orElse(1), Arrays.stream(whitened).max().orElse(1))));
    Axis axis = new Axis(least, Math.max(most, least + 1), Math.max(2, spectrum.before.length));
    page.append("<svg class=chart viewBox=\"0 0 %d %d\" role=img>\n".formatted(CHART_WIDTH, CHART_HEIGHT));
    int step = Math.ceilDiv(axis.most - axis.least, 8);
    for (int power = axis.least; power <= axis.most; power += step) {
      double y = axis.y(Math.pow(10, power));
      page.append(String.format(Locale.ROOT, "<line x1=%d x2=%d y1=%.1f y2=%.1f /><text x=%d y=%.1f text-anchor=end>1e%d</text>%n", MARGIN,
          CHART_WIDTH - 8, y, y, MARGIN - 6, y + 4, power));
    }
    page.append("<text x=%d y=%d>1</text><text x=%d y=%d text-anchor=end>%s</text>\n".formatted(MARGIN, CHART_HEIGHT - 6, CHART_WIDTH - 8,
        CHART_HEIGHT - 6, Units.count(spectrum.before.length)));
    if (spectrum.added > 0 && spectrum.added >= Math.pow(10, axis.least) && spectrum.added <= Math.pow(10, axis.most)) {
      page.append(String.format(Locale.ROOT, "<line class=epsilon x1=%d x2=%d y1=%.1f y2=%3$.1f /><text x=%4$d y=%5$.1f>epsilon</text>%n",
          MARGIN, CHART_WIDTH - 8, axis.y(spectrum.added), MARGIN + 6, axis.y(spectrum.added) - 4));
    }
    line(page, "before", axis, positive);
    line(page, "after", axis, whitened);
    page.append("</svg>\n<p><span class=\"key before\"></span> before <span class=\"key after\"></span> after</p>\n");
  }

  /// Where a value has its place on the chart.
  private record Axis(int least, int most, int count) {
    double x(int index) {
      return MARGIN + (double) index / (count - 1) * (CHART_WIDTH - 8 - MARGIN);
    }

    double y(double value) {
      return 8 + (most - Math.log10(value)) / (most - least) * (CHART_HEIGHT - 32);
    }
  }

  private static void line(StringBuilder page, String name, Axis axis, double[] values) {
    page.append("<polyline class=").append(name).append(" points=\"");
    int step = Math.max(1, values.length / POINTS);
    for (int i = 0; i < values.length; i += i + step < values.length || i == values.length - 1 ? step : values.length - 1 - i) {
      page.append(String.format(Locale.ROOT, "%.1f,%.1f ", axis.x(i), axis.y(values[i])));
    }
    page.append("\"/>\n");
  }

  private static void heatMap(StringBuilder page, String name, double[] matrix) {
    int n = (int) Math.sqrt(matrix.length);
    double greatest = Arrays.stream(matrix).map(Math::abs).max().orElse(0);
    Png picture = new Png(n, n);
    for (int y = 0; y < n; y++) {
      for (int x = 0; x < n; x++) {
        double part = greatest > 0 ? matrix[y * n + x] / greatest : 0;
        double strength = Math.abs(part);
        picture.set(x, y, 1 - (part < 0 ? 0.87 : 0.3) * strength, 1 - 0.8 * strength, 1 - (part < 0 ? 0.33 : 0.83) * strength);
      }
    }
    figure(page, picture, name + ", from " + number(-greatest) + " to " + number(greatest));
  }

  private void images(StringBuilder page, ImageShape shape) {
    page.append("<h2>Images</h2>\n<div class=row>\n");
    double[] all = before.rows().stream().flatMapToDouble(Arrays::stream).toArray();
    double least = Arrays.stream(all).min().orElse(0);
    double most = Arrays.stream(all).max().orElse(1);
    figure(page, grid(before.rows(), shape, (_, value) -> (value - least) / Math.max(most - least, Double.MIN_NORMAL)), "before");
    if (!after.rows().isEmpty()) {
      double[] sizes = after.rows().stream().flatMapToDouble(Arrays::stream).map(Math::abs).sorted().toArray();
      double usual = Math.max(sizes[(int) (0.99 * (sizes.length - 1))], Double.MIN_NORMAL);
      figure(page, grid(after.rows(), shape, (_, value) -> 0.5 + value / (2 * usual)), "after, grey is 0 and white " + number(usual));
    }
    page.append("</div>\n<h2>Filters</h2>\n<p>").append(whitening.kind() == Whitening.Kind.PCA
        ? "The first components" : "What a white pixel is made of, for pixels from everywhere in the image")
        .append(", each on its own scale, by the root of each weight.</p>\n<div class=row>\n");
    double[] greatest = filters.stream().mapToDouble(filter -> Arrays.stream(filter).map(Math::abs).max().orElse(0)).toArray();
    figure(page, grid(filters, shape, (i, value) ->
        0.5 + Math.signum(value) * Math.sqrt(Math.abs(value) / Math.max(greatest[i], Double.MIN_NORMAL)) / 2), "grey is 0");
    page.append("</div>\n");
  }

  /// How bright a value of an image is.
  private interface Brightness {
    double of(int image, double value);
  }

  private static Png grid(List<double[]> images, ImageShape shape, Brightness brightness) {
    Png picture = new Png(Math.min(COLUMNS, images.size()) * (shape.width() + 1) - 1,
        Math.ceilDiv(images.size(), COLUMNS) * (shape.height() + 1) - 1);
    for (int i = 0; i < images.size(); i++) {
      double[] values = images.get(i);
      for (int y = 0; y < shape.height(); y++) {
        for (int x = 0; x < shape.width(); x++) {
          double[] colour = new double[3];
          for (int c = 0; c < 3; c++) {
            colour[c] = brightness.of(i, values[shape.feature(y, x, c % shape.channels())]);
          }
          picture.set(i % COLUMNS * (shape.width() + 1) + x, i / COLUMNS * (shape.height() + 1) + y, colour[0], colour[1], colour[2]);
        }
      }
    }
    return picture;
  }

  private static void figure(StringBuilder page, Png picture, String caption) {
    page.append("<figure><img width=%1$d alt=\"%2$s\" src=\"%3$s\"><figcaption>%2$s</figcaption></figure>\n".formatted(
        picture.width() * Math.max(1, WIDTH / picture.width()), caption, picture.dataUri()));
  }
}
