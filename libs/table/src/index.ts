export { columnsNamed, rowWith, type Column, type Row } from './columns.ts'
export { TABLE_FORMATS, TABLE_FORMAT_NAMES, type TableFormatName } from './formats.ts'
export { readParquet } from './parquet.ts'
export { formatOfFile, READ_FORMATS, readTable, type FoundRow, type ReadFormat } from './read.ts'
