//! What tests share: test servers, cuttable links, manual clocks.
