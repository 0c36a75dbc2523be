/** The worker's host: everything it can do is in functions.ts and trainer.ts. */
import { expose } from "comlink";
import * as functions from "./functions";
import * as training from "./trainer";

expose({ ...functions, ...training });
