/** Bytes of the batch codec that both directions share: docs/spec/bytes.md, "Batches". A change is a new format version. */
export const BATCH_MAGIC = 0xb7
export const BATCH_FORMAT_VERSION = 1

/** Most records of one encoded batch. */
export const ENCODED_RECORDS_MAX = 65_536
/** Most values of all columns of a batch together, columns of single values aside: what few bytes may claim to hold. */
export const ENCODED_CELLS_MAX = 4_194_304
/** Deepest nesting of columns in columns. */
export const COLUMN_DEPTH_MAX = 8
/** Most fields of an object that is written as columns. */
export const STRUCT_FIELDS_MAX = 256
/** Most entries of a dictionary: an index is one byte. */
export const DICTIONARY_ENTRIES_MAX = 256

/** One value for all records. */
export const COLUMN_CONSTANT = 0
/** Smallest value, then differences of 0, 1, 2 or 4 bytes. */
export const COLUMN_INTEGERS = 1
export const COLUMN_F64 = 2
export const COLUMN_BOOLEANS = 3
/** Lengths, then the text of all. */
export const COLUMN_ASCII = 4
export const COLUMN_UTF8 = 5
/** Distinct strings, then an index for each record. */
export const COLUMN_DICTIONARY = 6
/** A bit for each record, then a column of those that are neither null nor undefined. */
export const COLUMN_NULLABLE = 7
/** Plain objects with the same keys: a column for each key. */
export const COLUMN_STRUCT = 8
/** Values of the value codec, one behind the other. */
export const COLUMN_VALUES = 9

/** What the missing values of a nullable column are. */
export const MISSING_NULL = 0
export const MISSING_UNDEFINED = 1
/** Both: one more bit for each missing one, set for undefined. */
export const MISSING_EITHER = 2
