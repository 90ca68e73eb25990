/** What an operator may set for inspection; the defaults stand in config/postern.yaml. Types only. */
export type InspectOptions = {
  /** Words anywhere in the subject by which a sender asks for protection, such as `[secure]`; case does not matter. */
  readonly subjectTags: readonly string[];
  /** Words in the subject by which a sender asks to do without protection; whether that counts is decided elsewhere. */
  readonly waiverTags: readonly string[];
  /** Whose wish it may be, by From and Sender. Patterns of core/address-pattern.ts. */
  readonly waiverSenders: readonly string[];
  /** Values of the Sensitivity header that ask for protection; case does not matter. */
  readonly sensitivityValues: readonly string[];
  /** Pictures shown inside the text (signature logos) below this size are not `uninspectable`. */
  readonly inlineImageBytesMax: number;
  /** Encoded bytes read of one part. */
  readonly partBytesMax: number;
  /** Characters of text read of one message. */
  readonly textCharsMax: number;
  /** Time for one message. */
  readonly timeMsMax: number;
  /** Findings told of one message; more change no verdict. */
  readonly findingsMax: number;
  /** Time the reader processes may take for the attachments of one message. */
  readonly attachmentTimeMsMax: number;
  /** Files within the archives of one message. */
  readonly archiveEntriesMax: number;
  /** Archives, documents, and messages and texts that hold some, inside one another. */
  readonly archiveDepthMax: number;
  /** Bytes that inflating the attachments of one message may really make. */
  readonly inflatedBytesMax: number;
  /** How many times larger than the attachment they may be. */
  readonly inflateRatioMax: number;
  /** Pages of one PDF file. */
  readonly pdfPagesMax: number;
  /** Pictures of one message whose text is read; 0 where nobody can. */
  readonly picturesMax: number;
};

export const DEFAULT_INSPECT_OPTIONS: InspectOptions = {
  subjectTags: ["[secure]"],
  waiverTags: [],
  waiverSenders: [],
  sensitivityValues: ["private", "company-confidential", "personal"],
  inlineImageBytesMax: 32_768,
  partBytesMax: 16 * 1024 * 1024,
  textCharsMax: 8 * 1024 * 1024,
  timeMsMax: 5_000,
  findingsMax: 100,
  attachmentTimeMsMax: 10_000,
  archiveEntriesMax: 1_000,
  archiveDepthMax: 4,
  inflatedBytesMax: 100 * 1024 * 1024,
  inflateRatioMax: 200,
  pdfPagesMax: 1_000,
  picturesMax: 0,
};
