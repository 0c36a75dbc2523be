//! The JavaScript surface. The only module that knows JavaScript.
