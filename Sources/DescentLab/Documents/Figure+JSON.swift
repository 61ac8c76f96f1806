extension Figure {
  /// The data of the charts; a point is an array of x and y.
  var json: JSONValue {
    ["caption": .text(caption), "charts": .array(charts.map(\.json))]
  }
}

extension Chart {
  fileprivate var json: JSONValue {
    switch self {
    case .lines(let chart): chart.json
    case .heat(let map): map.json
    case .bars(let chart): chart.json
    case .contour(let chart): chart.json
    }
  }
}

extension ContourChart {
  fileprivate var json: JSONValue {
    func pair(_ point: Point) -> JSONValue { [.number(point.x), .number(point.y)] }
    return [
      "kind": .text("contour"), "title": .text(title), "x": .text(x), "y": .text(y),
      "from": [.number(surface.x.lowerBound), .number(surface.y.lowerBound)],
      "to": [.number(surface.x.upperBound), .number(surface.y.upperBound)],
      "levels": .array(surface.levels.map(JSONValue.number)),
      "paths": .array(
        paths.map { ["name": .text($0.name), "points": .array($0.points.map(pair))] }),
      "spots": .array(spots.map { ["label": .text($0.label), "place": pair($0.place)] }),
    ]
  }
}

extension LineChart {
  fileprivate var json: JSONValue {
    [
      "kind": .text("lines"), "title": .text(title), "x": x.json, "y": y.json,
      "series": .array(series.map(\.json)),
      "bands": .array(
        bands.map { band in
          [
            "label": .text(band.label), "from": .number(band.range.lowerBound),
            "to": .number(band.range.upperBound),
          ]
        }),
      "marks": .array(marks.map(\.json)),
    ]
  }
}

extension Series {
  fileprivate var json: JSONValue {
    var fields: [(key: String, value: JSONValue)] = [
      ("name", .text(name)),
      ("points", .array(points.map { [.number($0.x), .number($0.y)] })),
    ]
    if !spread.isEmpty {
      let values = spread.map { [.number($0.x), .number($0.low), .number($0.high)] as JSONValue }
      fields.append(("spread", .array(values)))
    }
    return .object(fields)
  }
}

extension HeatMap {
  fileprivate var json: JSONValue {
    let scale: JSONValue =
      switch self.scale {
      case .linear: .text("linear")
      case .logarithmic: .text("logarithmic")
      case .diverging(let centre): ["around": .number(centre)]
      }
    return [
      "kind": .text("heat"), "title": .text(title), "x": x.json, "label": .text(label),
      "scale": scale, "columns": .array(columns.map(JSONValue.number)),
      "rows": .array(
        rows.enumerated().map { index, name in
          let row = index < values.count ? values[index] : []
          return ["name": .text(name), "values": .array(row.map(JSONValue.number))]
        }),
    ]
  }
}

extension BarChart {
  fileprivate var json: JSONValue {
    [
      "kind": .text("bars"), "title": .text(title), "x": x.json, "y": y.json,
      "series": .array(
        series.map { bins in
          [
            "name": .text(bins.name), "edges": .array(bins.edges.map(JSONValue.number)),
            "counts": .array(bins.counts.map(JSONValue.number)),
          ]
        }),
      "marks": .array(marks.map(\.json)),
    ]
  }
}

extension Mark {
  fileprivate var json: JSONValue {
    switch place {
    case .x(let x): ["label": .text(label), "x": .number(x)]
    case .y(let y): ["label": .text(label), "y": .number(y)]
    }
  }
}

extension Axis {
  fileprivate var json: JSONValue {
    ["label": .text(label), "scale": .text(scale == .linear ? "linear" : "logarithmic")]
  }
}

extension Picture {
  /// What it is of; the pixels are for people.
  var json: JSONValue {
    ["label": .text(label), "width": .integer(width), "height": .integer(height)]
  }
}
