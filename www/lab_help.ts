/** Reads the labs' pages in `docs/labs/` while the page is built: what reaches the browser are blocks of text, no markup. */
import { lexer, type Token, type Tokens } from "marked";
import type { Plugin } from "vite";
import type { HelpBlock, HelpInline } from "./src/views/help_panel";

/** Makes an import of `docs/labs/<id>.md` give that page's blocks. */
export function labHelp(): Plugin {
  return {
    name: "lab-help",
    transform: (source, id) => (/\/docs\/labs\/\w+\.md$/.test(id) ? { code: `export default ${JSON.stringify(helpBlocks(source))};`, map: null } : null),
  };
}

export function helpBlocks(markdown: string): HelpBlock[] {
  return blocks(lexer(markdown));
}

function blocks(tokens: readonly Token[]): HelpBlock[] {
  return tokens.flatMap((token): HelpBlock[] => {
    switch (token.type) {
      case "space":
        return [];
      case "heading":
        return [{ kind: "heading", level: (token as Tokens.Heading).depth, text: inline(token.tokens) }];
      case "paragraph":
      case "text":
        return [{ kind: "paragraph", text: inline(token.tokens ?? [token]) }];
      case "list": {
        const { ordered, items } = token as Tokens.List;
        return [{ kind: "list", ordered, items: items.map((item) => blocks(item.tokens)) }];
      }
      case "code":
        return [{ kind: "code", text: (token as Tokens.Code).text }];
      case "table": {
        const { header, rows } = token as Tokens.Table;
        return [{ kind: "table", header: header.map((cell) => inline(cell.tokens)), rows: rows.map((row) => row.map((cell) => inline(cell.tokens))) }];
      }
      case "blockquote":
        return blocks(token.tokens ?? []);
      default:
        throw new Error(`a lab's page has a block of the kind ${token.type}, which the help panel cannot show: ${token.raw.slice(0, 80)}`);
    }
  });
}

function inline(tokens: readonly Token[] | undefined): HelpInline[] {
  return (tokens ?? []).flatMap((token): HelpInline[] => {
    switch (token.type) {
      case "text":
      case "escape":
        return token.type === "text" && token.tokens ? inline(token.tokens) : [{ kind: "text", text: unescaped((token as Tokens.Text).text) }];
      case "codespan":
        return [{ kind: "code", text: unescaped((token as Tokens.Codespan).text) }];
      case "strong":
      case "em":
        return [{ kind: token.type, text: inline(token.tokens) }];
      case "br":
        return [{ kind: "text", text: " " }];
      case "link": {
        // A page next door exists in the repository only.
        const { href } = token as Tokens.Link;
        return /^https:\/\//.test(href) ? [{ kind: "link", href, text: inline(token.tokens) }] : inline(token.tokens);
      }
      default:
        throw new Error(`a lab's page has a piece of the kind ${token.type}, which the help panel cannot show: ${token.raw.slice(0, 80)}`);
    }
  });
}

/** Some versions of the lexer escape text as for HTML. */
function unescaped(text: string): string {
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ({ lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" })[name]!);
}
