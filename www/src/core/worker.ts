/** The worker's host: everything it can do is in functions.ts. */
import { expose } from "comlink";
import * as functions from "./functions";

expose(functions);
