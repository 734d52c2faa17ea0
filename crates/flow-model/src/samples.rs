//! Real flows to begin with.

/// A flow that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub id: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    /// The flow's JSON form.
    pub json: &'static str,
}

/// All of them, simplest first.
#[must_use]
pub fn samples() -> &'static [Sample] {
    &[
        Sample {
            id: "quiz",
            name: "Geography quiz",
            description: "Five questions in a loop, with a score.",
            json: include_str!("../samples/quiz.json"),
        },
        Sample {
            id: "booking-form",
            name: "Booking form",
            description: "Every kind of input, from the name to a photo of the room.",
            json: include_str!("../samples/booking-form.json"),
        },
        Sample {
            id: "support-bot",
            name: "Support bot",
            description: "Branches by topic, and an API call that looks up an order.",
            json: include_str!("../samples/support-bot.json"),
        },
        Sample {
            id: "lead-qualifier",
            name: "Lead qualifier",
            description: "Scores who is interested, looks the company up, and books a call.",
            json: include_str!("../samples/lead-qualifier.json"),
        },
        Sample {
            id: "order-tracker",
            name: "Order tracker",
            description: "Follows a parcel, waits with the customer, and takes complaints.",
            json: include_str!("../samples/order-tracker.json"),
        },
    ]
}

#[cfg(test)]
mod tests;
