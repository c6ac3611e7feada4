package io.github.tensorseed.spark;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/// Rows for [SparkWhitening] out of a DataFrame. A class of its own, as the others do without spark-sql.
public final class FrameRows {
  private FrameRows() {}

  /// The arrays of a column, one a row, of FLOAT or of DOUBLE, which is rounded to F32.
  ///
  /// @param column its name, or `struct.field`
  /// @throws IllegalArgumentException if it has no such arrays; in a task if an array or an element is null
  public static JavaRDD<float[]> of(Dataset<Row> frame, String column) {
    Dataset<Row> arrays = frame.select(column);
    DataType type = arrays.schema().fields()[0].dataType();
    if (!(type instanceof ArrayType array
        && (array.elementType().equals(DataTypes.FloatType) || array.elementType().equals(DataTypes.DoubleType)))) {
      throw new IllegalArgumentException("column '" + column + "' is " + type.simpleString() + ", and rows are array<float> or array<double>; "
          + "make one with functions.array(...) or functions.vector_to_array");
    }
    return arrays.javaRDD().map(row -> floats(row, column));
  }

  private static float[] floats(Row row, String column) {
    List<Number> values = row.isNullAt(0) ? Arrays.asList((Number) null) : row.getList(0);
    float[] floats = new float[values.size()];
    for (int i = 0; i < floats.length; i++) {
      Number value = values.get(i);
      if (value == null) {
        throw new IllegalArgumentException("column '" + column + "' has a null, as an array or in one; leave such rows out, as with"
            + " frame.na().drop()");
      }
      floats[i] = value.floatValue();
    }
    return floats;
  }
}
