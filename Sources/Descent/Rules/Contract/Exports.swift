// Scalars, views, random numbers and number formats are part of this module's vocabulary: whoever
// writes a rule needs one import.
@_exported public import DescentCompute
