/** PDF files for tests, object by object. */

export type SamplePdf = {
  /** Content streams, one a page. */
  readonly pages: readonly string[];
  /** More of the catalog, the first page's annotations, and objects from number 20 on. */
  readonly catalog?: string;
  readonly annotations?: string;
  /** More of the first page. */
  readonly pageEntries?: string;
  readonly info?: string;
  readonly objects?: readonly string[];
  readonly trailer?: string;
  /** What pages show as /Im1. */
  readonly picture?: { readonly width: number; readonly height: number; readonly grey: Buffer };
};

const EIGHT_BY_EIGHT = { width: 8, height: 8, grey: Buffer.from("x".repeat(64)) };

export const FIRST_OBJECT = 20;
const PAGES_FROM = 100;
const FONT = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>";
const PICTURE = "/XObject << /Im1 4 0 R >>";

export function pdfOf({
  pages,
  catalog = "",
  annotations = "",
  pageEntries = "",
  info = "",
  objects = [],
  trailer = "",
  picture = EIGHT_BY_EIGHT,
}: SamplePdf): Buffer {
  const numbered = new Map<number, string>();
  const kids = pages.map((_, index) => `${PAGES_FROM + 2 * index} 0 R`).join(" ");
  numbered.set(1, `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`);
  numbered.set(2, `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`);
  numbered.set(3, `<< ${info} >>`);
  numbered.set(
    4,
    streamOf(
      `/Type /XObject /Subtype /Image /Width ${picture.width} /Height ${picture.height} /ColorSpace /DeviceGray /BitsPerComponent 8`,
      picture.grey.toString("latin1"),
    ),
  );
  for (const [index, text] of objects.entries()) numbered.set(FIRST_OBJECT + index, text);
  for (const [index, content] of pages.entries()) {
    const number = PAGES_FROM + 2 * index;
    const more = index === 0 ? `/Annots [${annotations}] ${pageEntries}` : "";
    numbered.set(
      number,
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${number + 1} 0 R /Resources << ${FONT} ${PICTURE} >> ${more} >>`,
    );
    numbered.set(number + 1, streamOf("", content));
  }
  return assembled(numbered, trailer);
}

export const textAt = (x: number, y: number, text: string): string => `BT /F1 12 Tf ${x} ${y} Td (${text}) Tj ET\n`;
export const streamOf = (entries: string, content: string): string =>
  `<< ${entries} /Length ${content.length} >>\nstream\n${content}\nendstream`;

function assembled(objects: ReadonlyMap<number, string>, trailer: string): Buffer {
  let file = "%PDF-1.7\n";
  let table = "";
  for (const [number, text] of objects) {
    table += `${number} 1\n${String(file.length).padStart(10, "0")} 00000 n \n`;
    file += `${number} 0 obj\n${text}\nendobj\n`;
  }
  const size = Math.max(...objects.keys()) + 1;
  const xref = `xref\n0 1\n0000000000 65535 f \n${table}`;
  return Buffer.from(
    `${file}${xref}trailer << /Size ${size} /Root 1 0 R /Info 3 0 R ${trailer} >>\nstartxref\n${file.length}\n%%EOF`,
    "latin1",
  );
}
