// What vl-convert bundles for the browser: of Vega what the charts need, and the interpreter that walks
// their expressions. Vega whole, with maps, forces and word clouds, would be a third larger.
import { View } from "/npm/vega-view@6.1.0/+esm";
import { parse } from "/npm/vega-parser@7.1.0/+esm";
import { transforms } from "/npm/vega-dataflow@6.1.0/+esm";
import * as data from "/npm/vega-transforms@5.1.0/+esm";
import * as views from "/npm/vega-view-transforms@5.1.0/+esm";
import * as encoders from "/npm/vega-encode@5.1.0/+esm";
import { expressionInterpreter } from "/npm/vega-interpreter@2.0.0/+esm";

Object.assign(transforms, data, views, encoders);

export { View, expressionInterpreter, parse };
