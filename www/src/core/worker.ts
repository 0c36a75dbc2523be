/** The worker's host: everything it can do is in functions.ts, corpus.ts and trainer.ts. */
import { expose } from "comlink";
import * as functions from "./functions";
import * as corpus from "./corpus";
import * as training from "./trainer";

expose({ ...functions, ...corpus, ...training });
