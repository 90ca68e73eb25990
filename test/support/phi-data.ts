/** Labelled texts, ordinary mails and health records that lie beside the repository. `peers("phi-data")` says whether they are there. */
import { join } from "node:path";

export const PHI_DATA = join(import.meta.dirname, "../../../shared/data/phi");
