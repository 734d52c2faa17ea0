-- What waits for a webhook is given up when that is disabled, perhaps before a first attempt.

set local lock_timeout = '2s';

comment on column webhook_deliveries.last_at is
    'When the last attempt ended, or when it was given up with its webhook; null before.';
comment on column webhook_deliveries.last_error is
    'Why the last attempt failed, or why it was given up; null when neither.';
