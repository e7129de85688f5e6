"""The leg to the tax service (ФНС): every stored document goes on, in order, until it is decided on."""
