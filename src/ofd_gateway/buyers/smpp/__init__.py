"""The part of SMPP 3.4 that a sender of messages needs: the packets, their statuses, receipts, and one session."""
